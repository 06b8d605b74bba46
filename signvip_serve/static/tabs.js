// Tabs, as https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ has them.

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** Let a list of tabs show one panel each; `chosen()` after another was. */
export function setUpTabs(tablist, chosen) {
  const tabs = [...tablist.querySelectorAll("[role='tab']")];
  const choose = (tab) => {
    for (const one of tabs) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = one !== tab;
    }
    chosen();
  };
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  tablist.addEventListener("keydown", (event) => {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const place = tabs.indexOf(document.activeElement) + MOVES[event.key];
    const next = tabs[Number.isFinite(place) ? (place + tabs.length) % tabs.length : place > 0 ? tabs.length - 1 : 0];
    next.focus();
    choose(next);
  });
}
