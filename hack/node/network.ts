/** The node's own network. Each node has a namespace of its own, so that all may have the same. */
export const nodeNetwork = {
  bridge: 'porthole0',
  /** Of the node, and of this machine as Pods see it. */
  address: '10.88.0.1',
  prefixLength: 24,
  podCidr: '10.88.0.0/24',
  /** TCP, at the address above. */
  kubeletPort: 10_250,
  /** TCP, loopback. */
  kubeletHealthPort: 10_248,
} as const;
