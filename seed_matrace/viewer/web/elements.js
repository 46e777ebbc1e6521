// Elements of plain text: what a file says never becomes markup, so nothing here or elsewhere is given HTML.

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A shape as an SVG picture of 20 by 20; points are [x, y] of unit size.
function drawing(points) {
  const names = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(names, "svg"), polygon = document.createElementNS(names, "polygon");
  svg.setAttribute("viewBox", "0 0 20 20");
  polygon.setAttribute("points", points.map(([x, y]) => `${10 + 8 * x},${10 - 8 * y}`).join(" "));
  polygon.setAttribute("fill", "currentColor");
  svg.append(polygon);
  return svg;
}
