// Passkeys: a form [data-passkey=get|create] asks the server for options, lets the browser show or make a passkey, and
// sends what comes of it in its field "credential". Texts stand in the page.

const able = Boolean(window.isSecureContext && window.PublicKeyCredential?.parseRequestOptionsFromJSON);

// The server says why there are no options: shown in place of the page's own text.
class Refusal extends Error {}

async function options(form) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const response = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!response.ok) throw new Refusal(response.headers.get("Content-Type")?.includes("json") ? (await response.json()).title : "");
  return (await response.json()).publicKey;
}

async function credential(form) {
  const publicKey = await options(form);
  if (form.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  if (!form.reportValidity()) return;
  const button = form.querySelector("[data-passkey-button]");
  button.disabled = true;
  form.querySelector("[data-passkey-failed]").hidden = true;
  try {
    form.elements.credential.value = JSON.stringify((await credential(form)).toJSON());
    form.submit();
  } catch (error) {
    const failed = form.querySelector("[data-passkey-failed]");
    if (error instanceof Refusal && error.message) failed.querySelector("div").textContent = error.message;
    failed.hidden = false;
    button.disabled = false;
    button.focus();
  }
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  if (!able) continue;
  form.hidden = false;
  form.querySelector("[data-passkey-missing]")?.remove();
  form.querySelector("[data-passkey-button]").disabled = false;
  form.addEventListener("submit", submit);
}
