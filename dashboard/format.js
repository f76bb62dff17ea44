// Numbers as people read them.
export const count = (n) => n.toLocaleString('en-US')
