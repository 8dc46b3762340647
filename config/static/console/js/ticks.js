// Ticks along what a permission needs, and takes out what needs one that goes, as the server does when
// the form is sent. Says so, and marks what differs from the role as it was saved.
"use strict";
document.querySelectorAll("table[data-ticks]").forEach((table) => {
    const boxes = [...table.querySelectorAll('input[type="checkbox"]')];
    const status = document.querySelector("[data-ticks-status]");
    const named = new Map(boxes.map((box) => [box.value, box]));
    const label = (box) => box.labels[0].textContent;
    const needs = (box) => box.dataset.needs.split(" ").filter(Boolean).map((name) => named.get(name));

    const mark = (box) => {
        const row = box.closest("tr");
        const was = "was" in box.dataset;
        const change = box.disabled || box.checked === was ? "" : box.checked ? "gain" : "lose";
        row.classList.toggle("is-gain", change === "gain");
        row.classList.toggle("is-lose", change === "lose");
        const cell = row.querySelector("[data-change]");
        cell.replaceChildren();
        if (change) {
            const said = document.createElement("span");
            said.className = `delta delta--${change}`;
            said.textContent = change === "gain" ? "+ Added" : "\u2212 Removed";
            cell.append(said);
        }
        const area = row.closest("tbody");
        const on = [...area.querySelectorAll('input[type="checkbox"]')].filter((one) => one.checked);
        area.querySelector("[data-on]").textContent = on.length;
    };

    const follow = (box) => {
        const moved = [];
        const others = box.checked
            ? needs(box)
            : boxes.filter((other) => needs(other).includes(box));
        others
            .filter((other) => other && !other.disabled && other.checked !== box.checked)
            .forEach((other) => {
                other.checked = box.checked;
                moved.push(label(other), ...follow(other));
                mark(other);
            });
        return moved;
    };

    table.addEventListener("change", (event) => {
        const box = event.target;
        const moved = follow(box);
        mark(box);
        const act = box.checked ? "Ticked along" : "Taken out along";
        status.textContent = moved.length ? `${act}: ${moved.join(", ")}.` : "";
    });
});
