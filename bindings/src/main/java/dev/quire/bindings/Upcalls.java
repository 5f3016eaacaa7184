package dev.quire.bindings;

/**
 * The Java ends of native callbacks. NATIVE: each runs on the engine's thread inside uc_emu_start
 * and catches every Throwable, since one that escapes an upcall ends the JVM; it is parked, the run
 * stopped, and a neutral value returned.
 */
final class Upcalls {
  private Upcalls() {}

  /** The target of a fill upcall; writes the answer into the engine's {@code uc_tlb_entry}. */
  record FillUpcall(UcHooks hooks, TlbFillHook hook) {
    static final int FIRST_TYPE = 16;
    static final long PAGE_OFFSET = 0xfff;

    boolean call(long engine, long va, int type, long entry, long user) {
      try {
        long answer = hook.fill(va, type - FIRST_TYPE);
        if (answer == TlbFillHook.REFUSED) {
          return false;
        }
        RawMemory.putLong(entry, answer & ~PAGE_OFFSET);
        RawMemory.putInt(entry + 8, (int) answer & UcConst.PERM_ALL);
        return true;
      } catch (Throwable t) {
        hooks.park(t);
        return false;
      }
    }
  }

  record InterruptUpcall(UcHooks hooks, InterruptHook hook) {
    void call(long engine, int number, long user) {
      try {
        hook.interrupt(number);
      } catch (Throwable t) {
        hooks.park(t);
      }
    }
  }

  record InvalidInsnUpcall(UcHooks hooks, InvalidInsnHook hook) {
    boolean call(long engine, long user) {
      try {
        return hook.invalid();
      } catch (Throwable t) {
        hooks.park(t);
        return false;
      }
    }
  }

  record PortInUpcall(UcHooks hooks, PortInHook hook) {
    int call(long engine, int port, int size, long user) {
      try {
        return hook.in(port, size);
      } catch (Throwable t) {
        hooks.park(t);
        return -1;
      }
    }
  }

  record PortOutUpcall(UcHooks hooks, PortOutHook hook) {
    void call(long engine, int port, int size, int value, long user) {
      try {
        hook.out(port, size, value);
      } catch (Throwable t) {
        hooks.park(t);
      }
    }
  }

  record SyscallUpcall(UcHooks hooks, SyscallHook hook) {
    void call(long engine, long user) {
      try {
        hook.syscall();
      } catch (Throwable t) {
        hooks.park(t);
      }
    }
  }

  record SkippableUpcall(UcHooks hooks, SkippableInsnHook hook) {
    int call(long engine, long user) {
      try {
        return hook.execute() ? 1 : 0;
      } catch (Throwable t) {
        hooks.park(t);
        return 1;
      }
    }
  }

  record SysRegUpcall(UcHooks hooks, SysRegHook hook) {
    int call(long engine, int register, long cpReg, long user) {
      try {
        boolean handled =
            hook.handle(
                Arm64Reg.indexOf(register),
                RawMemory.getLong(cpReg + 24),
                RawMemory.getInt(cpReg),
                RawMemory.getInt(cpReg + 4),
                RawMemory.getInt(cpReg + 8),
                RawMemory.getInt(cpReg + 12),
                RawMemory.getInt(cpReg + 16));
        return handled ? 1 : 0;
      } catch (Throwable t) {
        hooks.park(t);
        return 1;
      }
    }
  }

  record MemoryFaultUpcall(UcHooks hooks, MemoryFaultHook hook) {
    boolean call(long engine, int type, long pa, int size, long value, long user) {
      try {
        return hook.fault(type, pa, size, value);
      } catch (Throwable t) {
        hooks.park(t);
        return false;
      }
    }
  }

  record BlockUpcall(UcHooks hooks, BlockHook hook) {
    void call(long engine, long address, int size, long user) {
      try {
        hook.block(address, size);
      } catch (Throwable t) {
        hooks.park(t);
      }
    }
  }

  record TranslationUpcall(UcHooks hooks, TranslationHook hook) {
    void call(long engine, long current, long previous, long user) {
      try {
        hook.translated(
            RawMemory.getLong(current),
            RawMemory.getShort(current + 8),
            RawMemory.getShort(current + 10));
      } catch (Throwable t) {
        hooks.park(t);
      }
    }
  }

  record ScanUpcall(UcHooks hooks, BlockCounter counter, BlockScanner scanner) {
    int call(long address, int sizeBytes) {
      try {
        counter.noteScan(address, sizeBytes);
        return scanner.scan(address, sizeBytes);
      } catch (Throwable t) {
        hooks.park(t);
        return BlockScanner.FAILED;
      }
    }
  }
}
