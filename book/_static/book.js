// What the theme leaves undone for those who steer by voice or by keyboard.
window.addEventListener("load", () => {
  // A folded cell says "Show code cell source" and is named "Toggle hidden content"; the search field likewise. Their words are their names.
  for (const named of document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]")) named.removeAttribute("aria-label");
  enlarge();
  reach();
  globalThis.MathJax?.startup?.promise?.then(reach);
});

// A figure that is drawn smaller than it is opens at its own size when it is pressed: on a phone its labels are read that way.
function enlarge() {
  for (const picture of document.querySelectorAll(".bd-content img")) {
    if (picture.closest("a, .in-browser") || picture.naturalWidth < picture.clientWidth * 1.1) continue;
    const link = document.createElement("a");
    link.href = picture.currentSrc;
    picture.replaceWith(link);
    link.append(picture);
  }
}

// What scrolls by itself can be reached by the tab key, and then moved by the arrows.
function reach() {
  for (const box of document.querySelectorAll(".bd-content :is(div, pre, table, mjx-container)")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
    if (scrolls && !box.hasAttribute("tabindex")) box.tabIndex = 0;
  }
}
