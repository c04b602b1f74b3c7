// Asking for a ticket, waiting until it is ready, collecting what it gives. One click, one ticket.

const POLL_MS = 120;
const PATIENCE_MS = 60_000;
const NOT_FOUND = 404;

export class Refused extends Error {
  constructor(problem, { gone = false } = {}) {
    super(problem.title);
    this.problem = problem;
    // Whether the VM was deleted.
    this.gone = gone;
  }
}

export async function obtain(settings, kind, { signal } = {}) {
  const { ticket } = await call("POST", settings.open, { kind }, signal);
  const url = settings.ticket.replace("{id}", ticket.id);
  await ready(url, signal);
  return ofTicket("POST", `${url}/credentials`, signal);
}

// A ticket that was just made is deleted with its VM only.
async function ofTicket(method, url, signal) {
  return call(method, url, null, signal, { goneAt: NOT_FOUND });
}

async function ready(url, signal) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const ticket = await ofTicket("GET", url, signal);
    // Whatever is neither opening nor ready is worded by the answer to collecting it.
    if (ticket.state !== "opening") return;
    if (Date.now() > until) throw new Refused({ code: "slow" });
    await pause(POLL_MS, signal);
  }
}

async function call(method, url, body, signal, { goneAt } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body), signal, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer, { gone: response.status === goneAt });
  return answer;
}

function csrfToken() {
  return document.querySelector("input[name=csrfmiddlewaretoken]").value;
}

export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}
