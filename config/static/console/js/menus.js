// Menus are <details> and work without this. Escape and a click elsewhere close them, and Escape
// gives the focus back to where it was.
"use strict";
document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") {
        return;
    }
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
        const held = menu.contains(document.activeElement);
        menu.open = false;
        if (held) {
            menu.querySelector("summary").focus();
        }
    });
});
document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
        if (!menu.contains(event.target)) {
            menu.open = false;
        }
    });
});
