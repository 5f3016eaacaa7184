package dev.quire.kernel.kvm;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.FrameStorage;
import dev.quire.kernel.mm.GuestBacking;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.mmu.FakeKernelPteFormat;

/** A host for tests: its address space, and the frames that tables come from. */
record TestHost(GuestBacking space, FrameAllocator frames) {
  static TestHost kernel(HostMemory memory, HostPagePolicy policy) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, memory.arenaPages())
            .withThp(KernelAddressSpace.settings(policy));
    Kernel kernel = new Kernel(config, new FakeKernelPteFormat());
    FrameStorage storage = memory;
    kernel.setStorage(storage);
    kernel.setFileSystems(ModelledFiles.of(kernel));
    return new TestHost(
        new KernelAddressSpace(kernel, policy),
        new BuddyFrames(kernel.folios(), HostGranule.BASE_4K));
  }
}
