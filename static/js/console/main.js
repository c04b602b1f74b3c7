// The console page: gets a ticket, shows the screen, says in words why there is none.

import { Screen } from "./screen.js";
import { softKeys } from "./softkeys.js";
import { Refused, obtain } from "./tickets.js";
import { press, type, untypeable } from "./typing.js";
import { written } from "../times.js";

const settings = JSON.parse(document.getElementById("console-settings").textContent);
const at = (id) => document.getElementById(id);

const STOPPED = "4423";
const GONE = "4404";
const NOT_NOW = "state.not_allowed";
const VM_OFF = "console.vm_off";
// A screen that was there for this long and ends although the VM runs (restart, move to another host) is fetched again.
const STEADY_MS = 3_000;

let screen = null;
let attempt = null;
let waiting = false;
// Nothing follows a deletion: an answer that was under way must not take its word back.
let gone = false;

async function connect() {
  if (gone) return;
  attempt?.abort();
  attempt = new AbortController();
  const { signal } = attempt;
  waiting = false;
  screen?.leave();
  screen = null;
  say("opening", { busy: true });
  try {
    const credentials = await obtain(settings, settings.kinds.browser, { signal });
    say("connecting", { busy: true });
    show(credentials.websocket);
  } catch (error) {
    if (!signal.aborted) refused(error);
  }
}

function show(url) {
  screen = new Screen(at("screen"), url, { scale: at("scale").ariaPressed === "true" });
  const mine = screen;
  mine.addEventListener("connected", () => {
    at("notice").hidden = true;
    able(true);
    mine.rfb.focus();
  });
  mine.addEventListener("ended", ({ detail }) => { if (mine === screen) ended(detail, mine.lasted); });
}

function ended(how, lasted) {
  screen = null;
  able(false);
  if (how === GONE) return deleted();
  if (how !== STOPPED) return say(how);
  if (lasted > STEADY_MS) return connect();
  wait();
}

function refused(error) {
  if (!(error instanceof Refused)) return say("broken");
  if (error.gone) return deleted();
  const { code, title, hint, details } = error.problem;
  if (code === NOT_NOW || details?.cause?.code === VM_OFF) return wait(title);
  if (code in settings.messages) return say(code);
  words(title || settings.messages.broken.title, hint || "");
}

// Until the bar's state says that the console is possible; see watch().
function wait(title) {
  waiting = true;
  words(title || settings.messages[STOPPED].title, settings.messages[STOPPED].hint);
}

function say(how, { busy = false, button = !busy } = {}) {
  if (how === GONE) gone = true;
  const { title, hint } = settings.messages[how] ?? settings.messages.broken;
  words(title, hint, { busy, button, last: how === GONE });
}

function words(title, hint, { busy = false, button = true, last = false } = {}) {
  if (gone && !last) return;
  at("notice-title").textContent = title;
  at("notice-hint").textContent = hint;
  at("notice-busy").hidden = !busy;
  at("connect-again").hidden = !button || gone;
  at("to-list").hidden = !gone;
  at("notice").hidden = false;
  able(false);
}

function able(on) {
  for (const button of document.querySelectorAll("[data-needs-screen]")) button.disabled = !on;
}

// The bar's state is kept true by live.js; whenever it changes to one with a screen, what waits for that connects.
function watch() {
  new MutationObserver(() => waiting && isPossible() && connect()).observe(at("vm-state"), { childList: true, subtree: true });
  document.addEventListener("kit:gone", (event) => {
    event.preventDefault(); // the bar stays: it says which VM it was
    deleted();
  });
}

// The VM was deleted: the tab says so in its title too, and there is nothing left to press but the way to the others.
function deleted() {
  say(GONE);
  screen?.leave();
  screen = null;
  at("vm-state").textContent = settings.messages[GONE].title;
  at("power").replaceChildren();
  for (const control of document.querySelectorAll(".screen-tools button")) control.disabled = true;
  at("keys").open = false;
  document.title = `${settings.messages[GONE].title} · ${document.title}`;
  at("to-list").focus();
}

function isPossible() {
  return document.querySelector("#vm-state [data-possible]")?.dataset.possible === "yes";
}

function pasting() {
  const dialog = at("paste-dialog");
  const note = at("paste-note");
  let typing = null;
  at("paste").addEventListener("click", () => { note.textContent = ""; dialog.showModal(); at("paste-text").focus(); });
  at("paste-text").addEventListener("input", () => {
    const left = untypeable(at("paste-text").value);
    note.textContent = left ? note.dataset.cannot.replace("{characters}", left) : "";
  });
  at("paste-cancel").addEventListener("click", () => { typing?.abort(); dialog.close(); });
  dialog.addEventListener("close", () => { typing?.abort(); screen?.rfb.focus(); });
  at("paste-type").addEventListener("click", async () => {
    if (!screen || typing) return;
    typing = new AbortController();
    const progress = (done, all) => { note.textContent = note.dataset.typing.replace("{done}", done).replace("{all}", all); };
    try {
      await type(screen.rfb, at("paste-text").value, { signal: typing.signal, progress });
      at("paste-text").value = "";
      dialog.close();
    } catch { /* cancelled */ } finally { typing = null; }
  });
}

function native() {
  const dialog = at("native-dialog");
  const note = at("native-note");
  at("native").addEventListener("click", async () => {
    at("native-credentials").hidden = true;
    note.textContent = note.dataset.opening;
    dialog.showModal();
    try {
      const given = await obtain(settings, settings.kinds.native);
      at("native-address").textContent = given.address;
      at("native-port").textContent = given.port;
      at("native-password").textContent = given.password;
      at("native-until").textContent = written(new Date(given.expires_at));
      at("native-until").dateTime = given.expires_at;
      at("native-credentials").hidden = false;
      note.textContent = "";
    } catch (error) {
      const problem = error instanceof Refused ? error.problem : {};
      const known = settings.messages[problem.code] ?? settings.messages.broken;
      note.textContent = `${problem.title ?? known.title} ${problem.hint ?? known.hint}`;
    }
  });
  // Shown once: gone from the page when the dialog is.
  dialog.addEventListener("close", () => {
    for (const id of ["native-address", "native-port", "native-password"]) at(id).textContent = "";
    at("native-credentials").hidden = true;
  });
}

function tools() {
  at("ctrl-alt-del").addEventListener("click", () => { screen?.rfb.sendCtrlAltDel(); screen?.rfb.focus(); });
  for (const button of document.querySelectorAll("[data-keys]")) {
    button.addEventListener("click", () => {
      if (screen) press(screen.rfb, button.dataset.keys.split(" "));
      at("keys").open = false;
      screen?.rfb.focus();
    });
  }
  at("scale").addEventListener("click", () => {
    const fit = at("scale").ariaPressed !== "true";
    at("scale").ariaPressed = String(fit);
    if (screen) screen.rfb.scaleViewport = fit;
  });
  at("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.querySelector(".screen-stage").requestFullscreen().then(() => screen?.rfb.focus());
  });
  at("reconnect").addEventListener("click", connect);
  at("connect-again").addEventListener("click", connect);
}

tools();
softKeys(at("soft-field"), at("soft-keys"), () => screen?.rfb);
pasting();
native();
watch();
connect();
