// Small charts in SVG.
export const svg = (name) => document.createElementNS('http://www.w3.org/2000/svg', name)
