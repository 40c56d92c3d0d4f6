import { type FdtNode, type FdtTree, getBytes, nodeAt } from '../../../../server/esm/fdt.ts'

/** The device tree with the handles by which the client interface speaks of its nodes: phandles of 32 bits, from 1 on. */
export class DeviceNodes {
  private readonly byHandle = new Map<number, FdtNode>()
  private readonly handles = new Map<FdtNode, number>()
  private readonly parents = new Map<FdtNode, FdtNode>()

  constructor(readonly tree: FdtTree) {
    const nodes: FdtNode[] = []
    const visit = (node: FdtNode): void => {
      nodes.push(node)
      for (const child of node.children) {
        this.parents.set(child, node)
        visit(child)
      }
    }
    visit(tree.root)
    // Nodes that others refer to have theirs already.
    for (const node of nodes) if (node.properties.has('phandle')) this.#name(node, handleOf(node))
    let next = 1
    for (const node of nodes) {
      if (this.handles.has(node)) continue
      while (this.byHandle.has(next)) next++
      this.#name(node, next)
    }
  }

  #name(node: FdtNode, handle: number): void {
    this.byHandle.set(handle, node)
    this.handles.set(node, handle)
  }

  node(handle: number): FdtNode | undefined {
    return this.byHandle.get(handle)
  }

  handle(node: FdtNode): number {
    return this.handles.get(node)!
  }

  find(path: string): FdtNode | undefined {
    return path.startsWith('/') ? nodeAt(this.tree.root, path) : undefined
  }

  parent(node: FdtNode): FdtNode | undefined {
    return this.parents.get(node)
  }

  child(node: FdtNode): FdtNode | undefined {
    return node.children[0]
  }

  peer(node: FdtNode): FdtNode | undefined {
    const siblings = this.parents.get(node)?.children ?? []
    return siblings[siblings.indexOf(node) + 1]
  }

  path(node: FdtNode): string {
    const names: string[] = []
    for (let at: FdtNode | undefined = node; at && at !== this.tree.root; at = this.parent(at)) names.unshift(at.name)
    return `/${names.join('/')}`
  }
}

function handleOf(node: FdtNode): number {
  const value = getBytes(node, 'phandle')
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}
