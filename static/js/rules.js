// The rule editor in the page. Without this module the same buttons go to the server and come back.

const WITH_PORTS = new Set(["tcp", "udp"]);

const field = (rule, name) => rule.querySelector(`[name=rule_${name}]`);

function showPort(rule) {
  const port = field(rule, "port");
  const takes = WITH_PORTS.has(field(rule, "protocol").value);
  if (!takes) port.value = "";
  // Not disabled: a disabled field is not sent, and the columns of the rows would no longer fit.
  port.readOnly = !takes;
  port.placeholder = takes ? "22, 8000-8080" : "–";
}

function fresh(editor) {
  return editor.querySelector("template[data-blank]").content.firstElementChild.cloneNode(true);
}

function counted(editor) {
  const rows = editor.querySelectorAll("[data-rule]").length;
  editor.querySelector("[data-none]").hidden = rows > 0;
  editor.querySelector("[data-do=add]").disabled = rows >= Number(editor.dataset.limit);
}

// "tcp:1723 gre: " → the row becomes the first, further rows are put below it.
function spellOut(rule, means) {
  const family6 = field(rule, "address").value.includes(":");
  let last = rule;
  means.trim().split(" ").forEach((meant, position) => {
    const [protocol, port] = meant.split(":");
    const row = position ? rule.cloneNode(true) : rule;
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

for (const editor of document.querySelectorAll("[data-rules]")) {
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    event.preventDefault();
    commands[button.dataset.do](editor, button.closest("[data-rule]"), button);
    counted(editor);
  });
  editor.addEventListener("change", (event) => {
    if (event.target.name !== "rule_protocol") return;
    const rule = event.target.closest("[data-rule]");
    const { means } = event.target.selectedOptions[0].dataset;
    if (means) spellOut(rule, means);
    else showPort(rule);
    counted(editor);
  });
  editor.querySelectorAll("[data-rule]").forEach(showPort);
  counted(editor);
}
