package dev.quire.lab.replay;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Process;
import dev.quire.kvm.KvmService;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.HostMachine;
import dev.quire.kvm.host.ModelledHost;
import dev.quire.kvm.vm.VmHost;
import dev.quire.kvm.vm.VmHosts;
import dev.quire.kvm.x86.X86Architecture;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the operations of one session on a modelled kernel of its own: a process with helper threads
 * and perhaps a child, each of which may have a call that waits while the others go on. One thread
 * of Java.
 */
final class SessionRunner implements SessionProcess.Family, AutoCloseable {
  private static final String STATE = "state";
  private static final int PARENT_THREAD = 1;

  /** Of 2 MiB, as where sessions were recorded; there are none before they are asked for. */
  private static final int SURPLUS_HUGE_PAGES = 8;

  /**
   * Calls that one operation may set going: each is woken by the one before, and a script that
   * makes two of them wake each other for ever is not worth waiting for.
   */
  private static final int MOST_WAKES = 100_000;

  private final Kernel kernel;
  private final SessionBytes bytes;

  /** Null in a session without KVM. */
  private final HostMachine machine;

  private final KvmService kvm;
  private final SessionProcess parent;
  private SessionProcess child;
  private final List<SessionProcess> children = new ArrayList<>();
  private final Map<String, Lane> lanes = new HashMap<>();

  /** What waits, in the order in which it began to. */
  private final List<Lane> waiting = new ArrayList<>();

  /** Who runs operations: one at a time. */
  private static final class Lane {
    Execution execution;
    Answer answer;
    boolean ended;
  }

  /**
   * @param profile of the kernel
   * @param script of which only what it needs is asked
   */
  SessionRunner(KernelProfile profile, SessionScript script) {
    KernelConfig config = ReplayMachine.session().withProfile(profile);
    KernelPteFormat format = new LinuxX86Pte(Ia32ePte.FOUR_LEVEL);
    if (script.usesKvm()) {
      machine = new HostMachine(config, format);
      kernel = machine.kernel();
      bytes = new ArenaBytes(machine);
      kvm = new KvmService(profile, new X86Architecture(), new Hosts());
    } else {
      machine = null;
      kernel = new Kernel(config, format);
      PageBytes pages = new PageBytes();
      kernel.setStorage(pages);
      kernel.setFileSystems(ModelledFiles.of(kernel));
      bytes = pages;
      kvm = null;
    }
    kernel.hugetlb().defaultSize().pool().allowSurplus(SURPLUS_HUGE_PAGES);
    parent = process(kernel.spawn(), new Handles());
    if (script.usesSource()) {
      SourceBuffer.map(parent.process(), bytes);
    }
  }

  private SessionProcess process(Process process, Handles handles) {
    ModelledHost host = machine == null ? null : machine.host(process);
    return new SessionProcess(process, bytes, handles, this, PARENT_THREAD, host);
  }

  /** VMs stand on the process that makes them. */
  private static final class Hosts implements VmHosts {
    @Override
    public VmHost open(Caller caller) {
      return ((KvmCaller) caller).actor().host();
    }

    @Override
    public void close(VmHost host) {}
  }

  @Override
  public Descriptor openKvm() {
    return kvm.open();
  }

  /** Runs one operation; returns what there is to be observed, by the names of golden files. */
  Map<String, Object> run(SessionOp op) {
    Lane lane = lanes.computeIfAbsent(op.lane(), name -> new Lane());
    if (op.joins()) {
      return joined(lane);
    }
    if (lane.execution != null && !lane.ended) {
      throw new IllegalStateException("its last operation still waits");
    }
    lane.execution = op.call().on(actor(op), op.handle());
    lane.answer = new Answer();
    lane.ended = lane.execution.advance(lane.answer);
    if (!lane.ended) {
      waiting.add(lane);
    }
    goOn();
    if (op.byThread()) {
      return joined(lane);
    }
    return lane.ended ? ended(lane).fields() : Map.of(STATE, "blocked");
  }

  private SessionProcess actor(SessionOp op) {
    if (op.byChild()) {
      if (child == null) {
        throw new IllegalStateException("there is no child");
      }
      return child;
    }
    return op.byThread()
        ? parent.thread(PARENT_THREAD + 1 + Integer.parseInt(op.lane().substring(1)))
        : parent;
  }

  private static Answer ended(Lane lane) {
    lane.execution = null;
    return lane.answer;
  }

  private static Map<String, Object> joined(Lane lane) {
    Map<String, Object> fields = new LinkedHashMap<>();
    if (lane.execution == null) {
      fields.put(STATE, "idle");
    } else if (lane.ended) {
      fields.put(STATE, "done");
      fields.putAll(ended(lane).fields());
    } else {
      fields.put(STATE, "blocked");
    }
    return fields;
  }

  /** Has everybody go on who was woken, until nobody is. */
  private void goOn() {
    int wakes = 0;
    waiting.forEach(lane -> lane.execution.nextOperation());
    for (Lane next = firstWoken(); next != null; next = firstWoken()) {
      wakes++;
      if (wakes > MOST_WAKES) {
        throw new IllegalStateException("calls that wait wake each other for ever");
      }
      waiting.remove(next);
      next.ended = next.execution.advance(next.answer);
      if (next.execution.progressed()) {
        waiting.forEach(lane -> lane.execution.somethingHappened());
      }
      if (!next.ended) {
        waiting.add(next);
      }
    }
  }

  private Lane firstWoken() {
    for (Lane lane : waiting) {
      if (lane.execution.woken()) {
        return lane;
      }
    }
    return null;
  }

  @Override
  public boolean fork(SessionProcess actor) {
    Process forked = actor.process().fork();
    if (forked == null) {
      throw new IllegalStateException("the modelled machine has no memory for a child");
    }
    child = process(forked, actor.handles().inherited());
    children.add(child);
    return actor.process().blockedOn() != null;
  }

  @Override
  public void endChild() {
    if (child == null) {
      throw new IllegalStateException("there is no child");
    }
    Lane lane = lanes.remove(SessionOp.CHILD);
    if (lane != null && waiting.remove(lane)) {
      lane.execution.cancel();
    }
    end(child);
    children.remove(child);
    child = null;
  }

  private static void end(SessionProcess process) {
    process.handles().closeAll();
    process.process().exit();
  }

  /** The machine goes; nothing may be called afterwards. */
  @Override
  public void close() {
    if (machine != null) {
      machine.close();
    }
  }

  /** Ends the processes: who still waits is killed. */
  void end() {
    waiting.forEach(lane -> lane.execution.cancel());
    waiting.clear();
    children.forEach(SessionRunner::end);
    end(parent);
  }
}
