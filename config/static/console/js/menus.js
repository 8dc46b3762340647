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
// The side menu is longer than many a window: show where one is without moving the page.
const side = document.getElementById("nav-sidebar");
const here = side && side.querySelector("[aria-current=page]");
if (here) {
    const [row, box] = [here.getBoundingClientRect(), side.getBoundingClientRect()];
    const bottom = Math.min(box.bottom, window.innerHeight);
    if (row.bottom > bottom) {
        side.scrollTop += row.bottom - bottom + box.height / 3;
    }
}
