// Folds the groups of a table. Only this script makes the headings of groups buttons, so that without
// it everything is open and nothing looks as if it could be folded. A folded group keeps its heading
// and the counts beside it.
"use strict";
document.querySelectorAll("button[data-folds]").forEach((every) => {
    const table = document.getElementById(every.dataset.folds);
    const folds = [];
    const isOpen = (fold) => fold.getAttribute("aria-expanded") === "true";
    const set = (fold, open) => {
        fold.setAttribute("aria-expanded", String(open));
        fold.closest("tbody").classList.toggle("is-folded", !open);
        every.textContent = folds.some(isOpen) ? "Fold all areas" : "Open all areas";
    };
    table.querySelectorAll("tr.group > th").forEach((heading) => {
        const fold = document.createElement("button");
        fold.type = "button";
        fold.className = "fold";
        fold.setAttribute("aria-expanded", "true");
        fold.append(...heading.childNodes);
        heading.append(fold);
        fold.addEventListener("click", () => set(fold, !isOpen(fold)));
        folds.push(fold);
    });
    every.addEventListener("click", () => {
        const open = !folds.some(isOpen);
        folds.forEach((fold) => set(fold, open));
    });
    every.hidden = false;
});
