// A time as the server writes it (apps/lifecycle/times.py): "2026-11-29 23:04:05", by this browser's clock.

export function written(at) {
  const two = (number) => String(number).padStart(2, "0");
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}
