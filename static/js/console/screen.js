// One connection to the proxy, drawn by noVNC. Says how it ended by the proxy's close code.

import RFB from "../../vendor/novnc/core/rfb.js";
import { initLogging } from "../../vendor/novnc/core/util/logging.js";

// How a connection ends is said on the page; noVNC would report each as an error of the program.
initLogging("none");

// Close codes 4000-4999 are the proxy's (apps/console/close_codes.py). A browser says 1006 for all else.
const ABNORMAL = 1006;

export class Screen extends EventTarget {
  constructor(target, url, { scale }) {
    super();
    this.opened = false;
    this.startedAt = Date.now();
    // noVNC keeps the close code to itself, so the socket is made here.
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => { this.opened = true; });
    socket.addEventListener("close", (event) => this.#closed(event));
    this.rfb = new RFB(target, socket, { shared: true });
    this.rfb.scaleViewport = scale;
    this.rfb.background = "transparent";
    this.rfb.addEventListener("connect", () => this.dispatchEvent(new Event("connected")));
  }

  get lasted() {
    return Date.now() - this.startedAt;
  }

  leave() {
    this.left = true;
    this.rfb.disconnect();
  }

  #closed(event) {
    if (this.left) return;
    let how = String(event.code);
    if (event.code < 4000) how = event.code === ABNORMAL && !this.opened ? "unreachable_proxy" : "broken";
    this.dispatchEvent(new CustomEvent("ended", { detail: how }));
  }
}
