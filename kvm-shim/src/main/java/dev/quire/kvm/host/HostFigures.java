package dev.quire.kvm.host;

/**
 * What a VM has and did so far.
 *
 * @param memoryBytes that its slots could use and the client shares
 * @param hostFaults page faults of the host's kernel: what the guest and the service touched first
 * @param tlbMisses walks of its vCPUs' MMUs
 */
public record HostFigures(int vcpus, long memoryBytes, long hostFaults, long tlbMisses) {}
