package dev.quire.kernel.mm;

/** The memory system calls of a kernel, put together. */
final class MmCalls {
  final MapCalls map;
  final RemapCall remap;
  final ProtectCall protect;
  final LockCalls lock;
  final Madvise madvise;
  final ForkExit forkExit;
  final PageReports pageReports;
  final SmapsReports smaps;
  final UffdRegions uffdRegions;
  final UffdMove uffdMove;
  final PagemapScan pagemapScan;

  MmCalls(
      Kernel kernel, FaultHandler faults, ZapRange zap, HugePmd hugePmd, FolioSplit folioSplit) {
    VmaEdits edits = new VmaEdits(hugePmd);
    Populate populate = new Populate(kernel, faults);
    map = new MapCalls(kernel, edits, zap, populate);
    remap = new RemapCall(kernel, edits, map, new MoveTables(kernel, hugePmd), populate);
    ChangeProtection protection = new ChangeProtection(kernel, hugePmd);
    protect = new ProtectCall(kernel, edits, protection, populate);
    lock = new LockCalls(kernel, edits, populate);
    AdvisedWalk walk = new AdvisedWalk(kernel, hugePmd, folioSplit);
    GuardRegions guards = new GuardRegions(kernel, zap);
    Collapse collapse = new Collapse(kernel);
    madvise = new Madvise(kernel, edits, zap, populate, walk, guards, collapse);
    forkExit = new ForkExit(kernel, new ForkCopy(kernel, hugePmd), map);
    pageReports = new PageReports(kernel);
    smaps = new SmapsReports(kernel);
    uffdRegions = new UffdRegions(edits, protection);
    uffdMove = new UffdMove(kernel, hugePmd);
    pagemapScan = new PagemapScan(kernel, hugePmd, protection);
  }
}
