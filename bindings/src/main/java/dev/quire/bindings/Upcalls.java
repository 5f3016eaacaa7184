package dev.quire.bindings;

/**
 * The Java ends of Unicorn's callbacks, with the arguments of unicorn.h after the engine's.
 *
 * <p>NATIVE: each runs on the engine's thread inside uc_emu_start and catches every Throwable,
 * since one that escapes an upcall ends the JVM; it is parked, the run stopped, and a neutral value
 * returned. Each has its own try block so that the hot ones inline.
 */
final class Upcalls {
  private Upcalls() {}

  /** Answers by writing the engine's {@code uc_tlb_entry {u64 paddr; u32 perms}}. */
  record FillUpcall(UcHooks hooks, TlbFillHook hook) implements NativeCalls.Upcall {
    static final int FIRST_TYPE = 16;
    static final long PAGE_OFFSET = 0xfff;

    @Override
    public long call(long engine, long va, long type, long entry, long user) {
      try {
        long answer = hook.fill(va, (int) type - FIRST_TYPE);
        if (answer == TlbFillHook.REFUSED) {
          return 0;
        }
        RawMemory.putLong(entry, answer & ~PAGE_OFFSET);
        RawMemory.putInt(entry + 8, (int) answer & UcConst.PERM_ALL);
        return 1;
      } catch (Throwable t) {
        hooks.park(t);
        return 0;
      }
    }
  }

  record InterruptUpcall(UcHooks hooks, InterruptHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long number, long user, long unused3, long unused4) {
      try {
        hook.interrupt((int) number);
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  record InvalidInsnUpcall(UcHooks hooks, InvalidInsnHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long user, long unused2, long unused3, long unused4) {
      try {
        return hook.invalid() ? 1 : 0;
      } catch (Throwable t) {
        hooks.park(t);
        return 0;
      }
    }
  }

  record PortInUpcall(UcHooks hooks, PortInHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long port, long size, long user, long unused4) {
      try {
        return hook.in((int) port, (int) size);
      } catch (Throwable t) {
        hooks.park(t);
        return -1;
      }
    }
  }

  record PortOutUpcall(UcHooks hooks, PortOutHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long port, long size, long value, long user) {
      try {
        hook.out((int) port, (int) size, (int) value);
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  record SyscallUpcall(UcHooks hooks, SyscallHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long user, long unused2, long unused3, long unused4) {
      try {
        hook.syscall();
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  record SkippableUpcall(UcHooks hooks, SkippableInsnHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long user, long unused2, long unused3, long unused4) {
      try {
        return hook.execute() ? 1 : 0;
      } catch (Throwable t) {
        hooks.park(t);
        return 1;
      }
    }
  }

  /** Reads {@code uc_arm64_cp_reg {u32 crn, crm, op0, op1, op2; u64 val}}. */
  record SysRegUpcall(UcHooks hooks, SysRegHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long register, long cpReg, long user, long unused4) {
      try {
        boolean handled =
            hook.handle(
                Arm64Reg.indexOf((int) register),
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

  record MemoryFaultUpcall(UcHooks hooks, MemoryFaultHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long type, long pa, long size, long value) {
      try {
        return hook.fault((int) type, pa, (int) size, value) ? 1 : 0;
      } catch (Throwable t) {
        hooks.park(t);
        return 0;
      }
    }
  }

  record BlockUpcall(UcHooks hooks, BlockHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long address, long size, long user, long unused4) {
      try {
        hook.block(address, (int) size);
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  /** Reads {@code uc_tb {u64 pc; u16 icount, size}}. */
  record TranslationUpcall(UcHooks hooks, TranslationHook hook) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long current, long previous, long user, long unused4) {
      try {
        hook.translated(
            RawMemory.getLong(current),
            RawMemory.getShort(current + 8),
            RawMemory.getShort(current + 10));
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  /** Called by the block hook, with the block's address and size and where it was called from. */
  record ScanUpcall(UcHooks hooks, BlockCounter counter, BlockScanner scanner)
      implements NativeCalls.Upcall {
    @Override
    public long call(long address, long size, long returnHva, long unused3, long unused4) {
      try {
        int info = scanner.scan(address, (int) size);
        return counter.scanned(address, (int) size, returnHva, info);
      } catch (Throwable t) {
        hooks.park(t);
        return BlockScanner.FAILED;
      }
    }
  }

  /** Called by the access hook of {@link AccessRing}, with the arguments of a memory hook. */
  record AccessUpcall(UcHooks hooks, AccessRing.Overflow overflow) implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long type, long pa, long size, long value) {
      try {
        overflow.access((int) type & 1, pa, (int) size);
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }

  /** Called by the fetch hook of {@link AccessRing}, with the arguments of a block hook. */
  record EnterUpcall(UcHooks hooks, AccessRing ring, AccessRing.Overflow overflow)
      implements NativeCalls.Upcall {
    @Override
    public long call(long engine, long address, long size, long unused3, long unused4) {
      try {
        ring.enter(address, (int) size, overflow);
      } catch (Throwable t) {
        hooks.park(t);
      }
      return 0;
    }
  }
}
