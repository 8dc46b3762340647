// Type-ahead in the scope switcher. Without this the field leads to a page with the same list.
"use strict";
{
    const menu = document.querySelector("details.scope");
    const field = menu.querySelector("input[type=search]");
    const list = menu.querySelector("[data-scope]");
    const status = menu.querySelector("[data-scope-status]");
    let asked = 0;
    let timer = 0;

    const show = async () => {
        const mine = ++asked;
        const query = new URLSearchParams({ part: "1", q: field.value });
        const answer = await fetch(`${list.dataset.scope}?${query}`, {
            headers: { Accept: "text/html" },
        });
        // a later key has asked again, or the session ended: the page behind still works
        if (mine !== asked || !answer.ok || answer.redirected) {
            return;
        }
        list.innerHTML = await answer.text();
        const found = list.querySelectorAll("button").length;
        status.textContent = found === 1 ? "1 choice" : `${found} choices`;
    };

    menu.addEventListener("toggle", () => {
        if (menu.open) {
            show();
            field.focus();
        }
    });
    field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(show, 150);
    });
    // arrows walk from the field through the choices and back
    menu.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowDown" && event.key !== "ArrowUp") {
            return;
        }
        const stops = [field, ...list.querySelectorAll("button")];
        const at = stops.indexOf(document.activeElement);
        if (at >= 0) {
            event.preventDefault();
            const next = event.key === "ArrowDown" ? at + 1 : at - 1;
            stops[(next + stops.length) % stops.length].focus();
        }
    });
}
