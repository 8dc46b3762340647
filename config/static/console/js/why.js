// The link to the aside works without this: the address names its heading. Browsers differ in
// whether they move the focus along, so it is moved here; closing leads back to the line. Where the
// aside stays beside the page, the line that was asked about stays in sight too.
"use strict";
const asked = /^#(why|line-[a-z_]+)$/.exec(window.location.hash);
const goal = asked && document.getElementById(asked[1]);
if (goal) {
    const line = document.querySelector(".is-open");
    const beside = line && window.matchMedia("(min-width: 1101px)").matches;
    goal.focus({ preventScroll: beside });
    if (beside) {
        line.scrollIntoView({ block: "center" });
    }
}
