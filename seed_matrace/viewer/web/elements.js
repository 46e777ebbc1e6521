// Elements of plain text: what a file says never becomes markup, so nothing here or elsewhere is given HTML.

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A shape as an SVG picture, from the page's template; points are [x, y] of unit size.
function shape(points) {
  const picture = document.getElementById("shape").content.cloneNode(true);
  const path = points.map(([x, y]) => `${10 + 8 * x},${10 - 8 * y}`).join(" ");
  picture.querySelector("polygon").setAttribute("points", path);
  return picture;
}
