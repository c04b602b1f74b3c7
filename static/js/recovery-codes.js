// Saves recovery codes as a file, made in the browser: the server shows them once and keeps no copy to download.

for (const button of document.querySelectorAll("[data-save]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([button.dataset.save + "\n"], { type: "text/plain" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: button.dataset.file });
    link.click();
    URL.revokeObjectURL(url);
  });
}
