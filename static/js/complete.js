// A page that lost one of its scripts, as when the network changed while it was loading, is loaded once more.
// It is never loaded a third time within a minute: what is lost for good stays lost.
(function () {
  "use strict";
  const KEY = `loaded-again:${location.pathname}`;
  const REST = 60000;
  window.addEventListener("error", (event) => {
    if (!(event.target instanceof HTMLScriptElement)) return;
    if (Date.now() - Number(sessionStorage.getItem(KEY)) < REST) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  }, true); // errors of elements do not bubble
})();
