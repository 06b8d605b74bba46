
// A click on a heading sorts by it, a second one the other way; what has no number stays at the end.
for (const table of document.querySelectorAll(".table table")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = head.querySelector(".sort");
    button.disabled = false;
    button.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      const numbers = head.classList.contains("number");
      const value = (row) => {
        const cell = row.cells[place];
        return numbers ? Number(cell.dataset.number ?? NaN) : cell.textContent.trim();
      };
      const order = (a, b) => {
        if (!numbers) return a.localeCompare(b, undefined, { numeric: true });
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return a - b;
      };
      const sign = direction === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const empty = numbers && (Number.isNaN(x) || Number.isNaN(y));
        return (empty ? 1 : sign) * order(x, y);
      });
      body.append(...rows);
    });
  });
}
