// Says in words that a passkey did not work, instead of in the browser's log.
(function () {
  "use strict";
  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    document.querySelectorAll("[data-passkey-error]").forEach(function (note) {
      note.hidden = false;
    });
  });
})();
