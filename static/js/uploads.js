// Uploading a file of a form by tus: in parts, each with its checksum, and resumed after a break or a reload. When all of
// it has come, the upload is chosen in the form's list. Texts stand in the page.

const box = document.querySelector("[data-uploader]");
const form = box.closest("form");
const input = box.querySelector("[data-upload-file]");
const panel = box.querySelector("[data-upload]");
const part = (name) => panel.querySelector(`[data-upload-${name}]`);
const csrf = () => form.querySelector("[name=csrfmiddlewaretoken]").value;
const submits = [...form.querySelectorAll("button[type=submit]")];
const MIB = 1024 * 1024;
// Besides lost connections: a part that arrived damaged or twice, and another request at work on the upload.
const AGAIN = new Set(["upload.checksum_mismatch", "upload.offset_mismatch", "upload.locked", "rate.limited"]);

let upload = null;
let again = null; // the unfinished upload that the chosen file is of
let state = "";

// Each part is sent with its SHA-256: what a proxy or a bad line has changed is refused and sent again.
class CheckedStack extends window.tus.DefaultHttpStack {
  createRequest(method, url) {
    const request = super.createRequest(method, url);
    const send = request.send.bind(request);
    request.send = async (body) => {
      if (body && window.crypto?.subtle) {
        const digest = await window.crypto.subtle.digest("SHA-256", await new Response(body).arrayBuffer());
        request.setHeader("Upload-Checksum", `sha256 ${btoa(String.fromCharCode(...new Uint8Array(digest)))}`);
      }
      return send(body);
    };
    return request;
  }
}

function show(next, text = "") {
  state = next;
  panel.hidden = !next;
  for (const span of panel.querySelectorAll("[data-upload-text]")) {
    span.hidden = span.dataset.uploadText !== next;
    if (!span.hidden && text) span.textContent = text;
  }
  const under_way = next === "running" || next === "waiting";
  part("pause").hidden = !under_way;
  part("resume").hidden = next !== "paused" && next !== "failed";
  part("cancel").hidden = next === "done" || next === "other";
  for (const button of submits) button.disabled = under_way;
}

let seen = { at: 0, bytes: 0, speed: 0 };

function progress(sent, all) {
  if (state === "waiting") show("running");
  const now = performance.now();
  if (now - seen.at > 1000) {
    const speed = seen.at ? ((sent - seen.bytes) / (now - seen.at)) * 1000 : 0;
    seen = { at: now, bytes: sent, speed: Math.max(speed, 0) };
  }
  const percent = Math.floor((sent / all) * 100);
  part("progress").value = percent;
  const amount = `${(sent / MIB).toFixed(1)} / ${(all / MIB).toFixed(1)} MiB · ${percent} %`;
  part("figures").textContent = seen.speed ? `${amount} · ${(seen.speed / MIB).toFixed(1)} MiB/s` : amount;
}

function problemOf(error) {
  try {
    return JSON.parse(error.originalResponse.getBody());
  } catch {
    return null;
  }
}

function cause(error) {
  const problem = problemOf(error);
  return problem ? [problem.title, problem.hint].filter(Boolean).join(" ") : error.message;
}

function choose(id, name) {
  const list = form.elements.upload;
  let option = [...list.options].find((each) => each.value === id);
  if (!option) list.add((option = new Option(name, id)));
  option.selected = true;
  list.dispatchEvent(new Event("input", { bubbles: true }));
  list.dispatchEvent(new Event("change", { bubbles: true }));
}

async function start(file, url = "") {
  upload?.abort();
  seen = { at: 0, bytes: 0, speed: 0 };
  part("name").textContent = file.name;
  // An administrator's upload belongs to no project: the field is a name to be typed there.
  const project = form.elements.project instanceof HTMLSelectElement ? form.elements.project.value : "";
  upload = new window.tus.Upload(file, {
    endpoint: box.dataset.endpoint,
    chunkSize: Number(box.dataset.part),
    retryDelays: [0, 1000, 3000, 5000, 10000, 20000, 30000],
    removeFingerprintOnSuccess: true,
    httpStack: new CheckedStack(),
    metadata: { filename: file.name, ...(project ? { project } : {}) },
    headers: { "X-CSRFToken": csrf() },
    onProgress: progress,
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      const again = !status || status >= 500 || AGAIN.has(problemOf(error)?.code);
      if (again) show("waiting");
      return again;
    },
    onSuccess: () => {
      show("done");
      choose(upload.url.split("/").pop(), file.name);
      for (const row of box.querySelectorAll(`[data-upload-delete="${new URL(upload.url, location.href).pathname}"]`)) {
        row.closest("[data-upload-row]").remove();
      }
    },
    onError: (error) => show("failed", cause(error)),
  });
  show("running");
  const [known] = await upload.findPreviousUploads();
  if (url) upload.options.uploadUrl = url;
  else if (known) upload.resumeFromPreviousUpload(known);
  upload.start();
}

input.disabled = false;
input.addEventListener("input", (event) => event.stopPropagation()); // it is no field of the form
input.addEventListener("change", (event) => {
  event.stopPropagation();
  const [file] = input.files;
  if (!file) return;
  if (again && (file.size !== Number(again.dataset.size) || file.name !== again.dataset.name)) {
    part("name").textContent = file.name;
    part("figures").textContent = "";
    show("other");
  } else start(file, again?.dataset.uploadAgain);
  again = null;
});
input.addEventListener("cancel", () => (again = null));
for (const button of box.querySelectorAll("[data-upload-again]")) {
  button.addEventListener("click", () => {
    again = button;
    input.value = "";
    input.click();
  });
}
part("pause").addEventListener("click", () => {
  upload.abort();
  show("paused");
});
part("resume").addEventListener("click", () => {
  show("running");
  upload.start();
});
part("cancel").addEventListener("click", async () => {
  show("");
  input.value = "";
  await upload.abort(true).catch(() => {}); // removed by the server in a day, if it cannot be reached now
});
for (const button of box.querySelectorAll("[data-upload-delete]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const headers = { "X-CSRFToken": csrf(), "Tus-Resumable": "1.0.0" };
    const answer = await fetch(button.dataset.uploadDelete, { method: "DELETE", headers }).catch(() => null);
    if (answer?.ok || answer?.status === 404) button.closest("[data-upload-row]").remove();
    else button.disabled = false;
  });
}
window.addEventListener("beforeunload", (event) => {
  if (state === "running" || state === "waiting") event.preventDefault();
});
