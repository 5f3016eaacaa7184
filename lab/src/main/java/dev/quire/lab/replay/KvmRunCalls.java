package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.lab.replay.KvmField.Hex;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts that run a vCPU, and those on its struct kvm_run. */
final class KvmRunCalls {
  // struct kvm_run.
  private static final int REQUEST_INTERRUPT_WINDOW = 0;
  private static final int IMMEDIATE_EXIT = 1;
  private static final int EXIT_REASON = 8;
  private static final int READY_FOR_INTERRUPT = 12;
  private static final int IF_FLAG = 13;
  private static final int FLAGS = 14;
  private static final int CR8 = 16;
  private static final int APIC_BASE = 24;
  private static final int IO_DIRECTION = 32;
  private static final int IO_SIZE = 33;
  private static final int IO_PORT = 34;
  private static final int IO_COUNT = 36;
  private static final int IO_DATA_OFFSET = 40;
  private static final int MMIO_ADDRESS = 32;
  private static final int MMIO_DATA = 40;
  private static final int MMIO_LENGTH = 48;
  private static final int MMIO_IS_WRITE = 52;
  private static final int MMIO_BYTES = 8;
  private static final int DEBUG_EXCEPTION = 32;
  private static final int DEBUG_PC = 40;
  private static final int DEBUG_DR6 = 48;
  private static final int DEBUG_DR7 = 56;
  private static final int SUBERROR = 32;
  private static final int MSR_ERROR = 32;
  private static final int MSR_REASON = 40;
  private static final int MSR_INDEX = 44;
  private static final int MSR_DATA = 48;

  // struct kvm_coalesced_mmio_ring.
  private static final int RING_BYTES = 8;
  private static final int RING_ENTRY_BYTES = 24;
  private static final int RING_ENTRIES = (PageRange.PAGE_BYTES - RING_BYTES) / RING_ENTRY_BYTES;

  private static final int EXIT_IO = 2;
  private static final int EXIT_DEBUG = 4;
  private static final int EXIT_MMIO = 6;
  private static final int EXIT_INTERNAL_ERROR = 17;
  private static final int EXIT_RDMSR = 29;
  private static final int EXIT_WRMSR = 30;

  private static final int MOST_MILLISECONDS = 1000;
  private static final long INSTRUCTIONS_A_MILLISECOND = 1_000_000;

  /** A timer longer than this has seen all that a loop does. */
  private static final long MOST_INSTRUCTIONS = 100_000_000;

  private KvmRunCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("run", KvmRunCalls::run);
    calls.put("run_timer", KvmRunCalls::runTimer);
    calls.put("immediate_exit", words -> flag(words, IMMEDIATE_EXIT));
    calls.put("irq_window", words -> flag(words, REQUEST_INTERRUPT_WINDOW));
    calls.put("run_state", words -> onRun(KvmRunCalls::state));
    calls.put("io_data", KvmRunCalls::ioData);
    calls.put("mmio_data", KvmRunCalls::mmioData);
    calls.put("msr_data", KvmRunCalls::msrData);
    calls.put("coalesced_ring", words -> onRun(KvmRunCalls::ring));
  }

  private static String cpu(String handle) {
    return handle == null ? Handles.VCPU : handle;
  }

  private static SessionCall run(Words words) {
    long argument = words.hasNext() ? words.unsigned("ARG") : 0;
    return (actor, handle) -> execution(actor, cpu(handle), argument);
  }

  private static SessionCall runTimer(Words words) {
    long wait = words.number("MS", MOST_MILLISECONDS) * INSTRUCTIONS_A_MILLISECOND;
    return (actor, handle) -> {
      Execution execution = execution(actor, cpu(handle), 0);
      return execution instanceof TurnExecution turns
          ? turns.signalledAfter(Math.min(wait, MOST_INSTRUCTIONS))
          : execution;
    };
  }

  private static Execution execution(SessionProcess actor, String name, long argument) {
    Descriptor file = actor.handles().service(name);
    if (file instanceof VcpuFile vcpu) {
      return new TurnExecution(
          actor,
          vcpu.begin(new KvmCaller(actor), Ioctls.RUN, argument),
          (answer, result) -> exit(actor, name, vcpu, answer, result));
    }
    return SessionCall.immediate(
            (who, handle, answer) ->
                answer.result(
                    file == null
                        ? -Errno.EBADF
                        : KvmCaller.call(actor, name, Ioctls.RUN, argument)))
        .on(actor, name);
  }

  private static void exit(
      SessionProcess actor, String name, Descriptor vcpu, Answer answer, long result) {
    RunPages run = new RunPages(vcpu);
    int reason = (int) run.get(EXIT_REASON, Integer.BYTES);
    answer.result(result);
    answer.put("exit", reason);
    if (result >= 0) {
      tell(run, reason, answer);
    }
    Map<String, Object> registers = KvmRegisterCalls.registers(actor, name);
    if (registers != null) {
      answer.put("regs", registers);
    }
  }

  private static void tell(RunPages run, int reason, Answer answer) {
    switch (reason) {
      case EXIT_IO -> answer.put("io", io(run));
      case EXIT_MMIO -> answer.put("mmio", mmio(run));
      case EXIT_DEBUG -> {
        Map<String, Object> debug = new LinkedHashMap<>();
        debug.put("exception", run.get(DEBUG_EXCEPTION, Integer.BYTES));
        debug.put("pc", hex(run.get(DEBUG_PC, Long.BYTES)));
        debug.put("dr6", hex(run.get(DEBUG_DR6, Long.BYTES)));
        debug.put("dr7", hex(run.get(DEBUG_DR7, Long.BYTES)));
        answer.put("debug", debug);
      }
      case EXIT_INTERNAL_ERROR -> answer.put("suberror", run.get(SUBERROR, Integer.BYTES));
      case EXIT_RDMSR, EXIT_WRMSR -> {
        Map<String, Object> msr = new LinkedHashMap<>();
        msr.put("reason", run.get(MSR_REASON, Integer.BYTES));
        msr.put("index", hex(run.get(MSR_INDEX, Integer.BYTES)));
        if (reason == EXIT_WRMSR) {
          msr.put("data", hex(run.get(MSR_DATA, Long.BYTES)));
        }
        answer.put("msr", msr);
      }
      default -> {}
    }
  }

  private static Map<String, Object> io(RunPages run) {
    boolean out = run.get(IO_DIRECTION, 1) == 1;
    long size = run.get(IO_SIZE, 1);
    long count = run.get(IO_COUNT, Integer.BYTES);
    Map<String, Object> io = new LinkedHashMap<>();
    io.put("dir", out ? "out" : "in");
    io.put("size", size);
    io.put("port", run.get(IO_PORT, Short.BYTES));
    io.put("count", count);
    if (out) {
      long bytes = Math.min(size * count, PageRange.PAGE_BYTES);
      long offset = run.get(IO_DATA_OFFSET, Long.BYTES);
      io.put("data", HexFormat.of().formatHex(run.bytes(offset, (int) bytes)));
    }
    return io;
  }

  private static Map<String, Object> mmio(RunPages run) {
    long length = run.get(MMIO_LENGTH, Integer.BYTES);
    boolean write = run.get(MMIO_IS_WRITE, 1) != 0;
    Map<String, Object> mmio = new LinkedHashMap<>();
    mmio.put("gpa", hex(run.get(MMIO_ADDRESS, Long.BYTES)));
    mmio.put("len", length);
    mmio.put("is_write", write ? 1L : 0L);
    if (write) {
      int bytes = Math.clamp(length, 0, MMIO_BYTES);
      mmio.put("data", HexFormat.of().formatHex(run.bytes(MMIO_DATA, bytes)));
    }
    return mmio;
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  /** What an operation does with a vCPU's mapping. */
  private interface OnRun {
    void use(RunPages run, Answer answer);
  }

  private static SessionCall onRun(OnRun operation) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          Descriptor file = actor.handles().service(cpu(handle));
          if (file == null) {
            throw new IllegalStateException("there is no vCPU " + cpu(handle));
          }
          operation.use(new RunPages(file), answer);
        });
  }

  private static SessionCall flag(Words words, int offset) {
    int value = (int) words.number("V", 0xff);
    return onRun(
        (run, answer) -> {
          run.putByte(offset, value);
          answer.put(ObservedFields.RET, 0);
        });
  }

  private static void state(RunPages run, Answer answer) {
    answer.put("if_flag", run.get(IF_FLAG, 1));
    answer.put("ready_for_interrupt_injection", run.get(READY_FOR_INTERRUPT, 1));
    answer.hex("cr8", run.get(CR8, Long.BYTES));
    answer.hex("apic_base", run.get(APIC_BASE, Long.BYTES));
    answer.hex("flags", run.get(FLAGS, Short.BYTES));
  }

  private static SessionCall ioData(Words words) {
    byte[] data = Hex.parse("HEX", words.word("HEX"), PageRange.PAGE_BYTES);
    return onRun(
        (run, answer) -> {
          run.put(run.get(IO_DATA_OFFSET, Long.BYTES), data);
          answer.put(ObservedFields.RET, 0);
        });
  }

  private static SessionCall mmioData(Words words) {
    byte[] data = Hex.parse("HEX", words.word("HEX"), MMIO_BYTES);
    return onRun(
        (run, answer) -> {
          run.put(MMIO_DATA, data);
          answer.put(ObservedFields.RET, 0);
        });
  }

  private static SessionCall msrData(Words words) {
    long value = words.unsigned("V");
    int error = words.hasNext() ? (int) words.number("ERROR", 0xff) : 0;
    return onRun(
        (run, answer) -> {
          run.putLong(MSR_DATA, value);
          run.putByte(MSR_ERROR, error);
          answer.put(ObservedFields.RET, 0);
        });
  }

  private static void ring(RunPages run, Answer answer) {
    long start = (long) RunPages.RING_PAGE * PageRange.PAGE_BYTES;
    long first = run.get(start, Integer.BYTES);
    long last = run.get(start + 4, Integer.BYTES);
    List<Object> entries = new ArrayList<>();
    for (long i = first; i != last && entries.size() < RING_ENTRIES; i = (i + 1) % RING_ENTRIES) {
      long at = start + RING_BYTES + i % RING_ENTRIES * RING_ENTRY_BYTES;
      long length = run.get(at + 8, Integer.BYTES);
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("gpa", hex(run.get(at, Long.BYTES)));
      entry.put("len", length);
      entry.put(
          "data", HexFormat.of().formatHex(run.bytes(at + 16, Math.clamp(length, 0, MMIO_BYTES))));
      entries.add(entry);
    }
    answer.put("first", first);
    answer.put("last", last);
    answer.put("entries", entries);
  }
}
