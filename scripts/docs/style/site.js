// A table that is wider than the window scrolls in a frame, which the theme's script puts around it; long code scrolls, too.
// With a keyboard one reaches what scrolls only if it can be focused; what fits is no stop on the way through the page.

const FRAME = "md-typeset__scrollwrap";

function heading(frame) {
  for (let part = frame; part; part = part.previousElementSibling) {
    if (/^H[1-6]$/.test(part.tagName)) return part.firstChild.textContent.trim();
  }
  return document.title;
}

function fit(place) {
  const frame = place.classList.contains(FRAME);
  if (place.scrollWidth > place.clientWidth) {
    if (place.getAttribute("tabindex") !== "0") place.tabIndex = 0;
    // Code is read out as it is; a frame has nothing to say of itself.
    if (frame) place.setAttribute("role", "group");
    if (frame) place.setAttribute("aria-label", heading(place));
  } else {
    for (const name of ["tabindex", "role", "aria-label"]) place.removeAttribute(name);
  }
}

const refit = (changes) => changes.forEach((change) => fit(change.target));
const sizes = new ResizeObserver(refit);
// On what has no mouse the theme's script takes code out of the keyboard's way, sooner or later than this one looks.
const taken = new MutationObserver(refit);
const known = new WeakSet();

function follow() {
  for (const place of document.querySelectorAll(`.${FRAME}, .md-typeset pre > code`)) {
    if (known.has(place)) continue;
    known.add(place);
    sizes.observe(place);
    taken.observe(place, { attributeFilter: ["tabindex"] });
  }
}

// The frames come and go with the theme's script, whenever that has run.
new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
follow();
