// What the theme leaves out for those who read by keyboard or by ear.
document.addEventListener("DOMContentLoaded", () => {
  const name = (selector, label) => document.querySelector(selector)?.setAttribute("aria-label", label);
  name(".sidebar-drawer", "Pages");
  name(".toc-drawer", "On this page");
  // What scrolls sideways can be reached by Tab and moved by the arrow keys.
  document.querySelectorAll(".highlight pre, .table-wrapper").forEach((box) => box.setAttribute("tabindex", "0"));
  // The corner of a table, above the names of its rows, is no heading.
  document.querySelectorAll("th").forEach((cell) => cell.textContent.trim() || cell.setAttribute("role", "presentation"));
  // Numbers stand to the right, below their heading.
  document.querySelectorAll("table.docutils tbody td").forEach((cell) => {
    if (!/^[-+−]?\d[\d.,]*( ?(±|%).*)?$/.test(cell.textContent.trim())) return;
    cell.classList.add("number");
    cell.closest("table").tHead?.rows[0].cells[cell.cellIndex]?.classList.add("number");
  });
  if (!document.querySelector("h1")) {
    const heading = document.createElement("h1");
    heading.textContent = "Search";
    document.querySelector("article")?.prepend(heading);
  }
});
