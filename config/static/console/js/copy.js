// Copies what stands in a field. The button appears with this script only: without it the field is
// chosen and copied by hand.
"use strict";
document.querySelectorAll("button[data-copies]").forEach((button) => {
    const field = document.getElementById(button.dataset.copies);
    const what = button.dataset.what || "link";
    const status = document.getElementById(`${field.id}-status`);
    button.addEventListener("click", async () => {
        field.select();
        try {
            await navigator.clipboard.writeText(field.value);
            status.textContent = `The ${what} was copied.`;
        } catch {
            status.textContent = `The ${what} is selected. Copy it with the keyboard.`;
        }
    });
    button.hidden = false;
});
