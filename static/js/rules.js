// The rule editor in the page. Without this module the same buttons go to the server and come back.

const WITH_PORTS = new Set(["tcp", "udp"]);
let made = 0; // rows made here, for ids of their own

const field = (rule, name) => rule.querySelector(`[name=rule_${name}]`);
const controls = (rule) => [...rule.querySelectorAll("[name^=rule_]")];

function showPort(rule) {
  const port = field(rule, "port");
  const takes = WITH_PORTS.has(field(rule, "protocol").value);
  if (!takes) port.value = "";
  // Not disabled: a disabled field is not sent, and the columns of the rows would no longer fit.
  port.readOnly = !takes;
  port.placeholder = takes ? "22, 8000-8080" : "–";
}

// A copy keeps no errors, and gets ids that no other row has.
function numbered(rule) {
  const place = `rule-new-${made++}`;
  const errors = rule.querySelector(".rule-errors");
  errors.id = `${place}-errors`;
  errors.replaceChildren();
  rule.classList.remove("rule-wrong");
  for (const control of controls(rule)) {
    control.id = `${place}-${control.name.slice(5)}`;
    control.setAttribute("aria-describedby", errors.id);
    control.removeAttribute("aria-invalid");
    delete control.dataset.touched;
  }
  return rule;
}

function fresh(editor) {
  return numbered(editor.querySelector("template[data-blank]").content.firstElementChild.cloneNode(true));
}

function counted(editor) {
  const rows = editor.querySelectorAll("[data-rule]").length;
  editor.querySelector("[data-none]").hidden = rows > 0;
  editor.querySelector("[data-do=add]").disabled = rows >= Number(editor.dataset.limit);
}

// Rows have changed without a key: let what depends on them be checked again.
const changed = (editor) => editor.dispatchEvent(new Event("kit:edited", { bubbles: true }));

// "tcp:1723 gre: " → the row becomes the first, further rows are put below it.
function spellOut(rule, means) {
  const family6 = field(rule, "address").value.includes(":");
  let last = rule;
  means.trim().split(" ").forEach((meant, position) => {
    const [protocol, port] = meant.split(":");
    const row = position ? numbered(rule.cloneNode(true)) : rule;
    if (position) {
      for (const name of ["direction", "action", "priority"]) field(row, name).value = field(rule, name).value;
      last.after(row);
    }
    field(row, "protocol").value = protocol === "icmpv4" && family6 ? "icmpv6" : protocol;
    field(row, "port").value = port;
    showPort(row);
    last = row;
  });
}

const commands = {
  add(editor) {
    const row = fresh(editor);
    editor.querySelector("[data-rows]").append(row);
    showPort(row);
    field(row, "protocol").focus();
  },
  remove(editor, rule) {
    const next = rule.nextElementSibling || rule.previousElementSibling;
    rule.remove();
    (next?.querySelector("[data-do=remove]") || editor.querySelector("[data-do=add]")).focus();
  },
  up(editor, rule, button) {
    rule.previousElementSibling?.before(rule);
    button.focus();
  },
  down(editor, rule, button) {
    rule.nextElementSibling?.after(rule);
    button.focus();
  },
};

// The server's answer to what is typed so far: one part for each row, in the order of the rows. Of a row being typed
// only the fields are marked that were typed in, or were wrong before.
function checked(editor, answer) {
  const parts = [...answer.querySelectorAll("[data-rule-checks]")];
  const rules = [...editor.querySelectorAll("[data-rule]")];
  if (parts.length !== rules.length) return; // rows were added or removed meanwhile
  rules.forEach((rule, number) => {
    const errors = [...parts[number].children].filter((error) => {
      const control = field(rule, error.dataset.for);
      return "touched" in control.dataset || control.hasAttribute("aria-invalid");
    });
    const wrong = new Set(errors.map((error) => error.dataset.for));
    for (const control of controls(rule)) {
      if (wrong.has(control.name.slice(5))) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    rule.classList.toggle("rule-wrong", wrong.size > 0);
    rule.querySelector(".rule-errors").replaceChildren(...errors);
  });
}

for (const editor of document.querySelectorAll("[data-rules]")) {
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    event.preventDefault();
    commands[button.dataset.do](editor, button.closest("[data-rule]"), button);
    counted(editor);
    changed(editor);
  });
  editor.addEventListener("change", (event) => {
    if (event.target.name !== "rule_protocol") return;
    const rule = event.target.closest("[data-rule]");
    const { means } = event.target.selectedOptions[0].dataset;
    if (means) spellOut(rule, means);
    else showPort(rule);
    counted(editor);
    if (means) changed(editor);
  });
  const form = editor.closest("form");
  form.addEventListener("kit:checked", (event) => checked(editor, event.detail));
  // What was typed comes back (drafts.js): as many rows as there were then.
  form.addEventListener("kit:restoring", (event) => {
    const wanted = event.detail.filter(([name]) => name === "rule_protocol").length;
    const rows = editor.querySelector("[data-rows]");
    while (rows.children.length > wanted) rows.lastElementChild.remove();
    while (rows.children.length < wanted) rows.append(fresh(editor));
  });
  form.addEventListener("kit:restored", () => {
    editor.querySelectorAll("[data-rule]").forEach(showPort);
    counted(editor);
  });
  editor.querySelectorAll("[data-rule]").forEach(showPort);
  counted(editor);
}
