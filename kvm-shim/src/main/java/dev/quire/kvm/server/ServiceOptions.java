package dev.quire.kvm.server;

import dev.quire.kernel.mm.KernelProfile;
import java.net.InetSocketAddress;

/**
 * What a service is started with.
 *
 * @param x86 whether it is a KVM of an x86-64 host; else of an arm64 host
 * @param profile of the host's kernel
 * @param http where metrics and the live page are served, or null
 * @param reports told of each VM that ends
 */
public record ServiceOptions(
    boolean x86,
    KernelProfile profile,
    ServerSettings settings,
    InetSocketAddress http,
    KvmFiles.VmEnds reports) {
  /** An x86-64 KVM of Linux 6.18 with nothing but its socket. */
  public static final ServiceOptions DEFAULT =
      new ServiceOptions(
          true, KernelProfile.LINUX_6_18, ServerSettings.DEFAULT, null, (process, vm, host) -> {});
}
