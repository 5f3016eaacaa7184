package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.lab.replay.Handles.KvmDescription;
import dev.quire.lab.replay.Handles.UffdDescription;

/** The operations that all scripts know, as sessions run them. */
final class CommonCalls {
  private static final String FIRST_BYTE = "first_byte";
  private static final int BYTE_MASK = 0xff;

  private CommonCalls() {}

  static SessionCall of(ScriptOp.Call call) {
    return switch (call) {
      case ScriptOp.Touch touch -> (actor, handle) -> new Touching(actor, touch);
      case ScriptOp.InCore(PageRange range) ->
          SessionCall.immediate(
              (actor, handle, answer) -> {
                InCore pages = InCore.of(actor.process(), range);
                answer.result(pages.result());
                answer.put(ObservedFields.INCORE, pages.runs());
              });
      case ScriptOp.Open(FileType type, long bytes) ->
          SessionCall.immediate(
              (actor, handle, answer) -> answer.result(open(actor, handle, type, bytes)));
      case ScriptOp.Fork _ -> (actor, handle) -> new Forking(actor);
      case ScriptOp.ChildExit _ ->
          SessionCall.immediate(
              (actor, handle, answer) -> {
                actor.family().endChild();
                answer.put(ObservedFields.RET, 0);
                answer.put("status", 0);
              });
      case ScriptOp.MapFile(PageRange _, int protection, boolean shared, long _) ->
          SessionCall.systemCall(
              (actor, handle) -> mapFile(actor, handle, call, protection, shared), Answer::success);
      case ScriptOp.ReadFile(long offset, long _) ->
          SessionCall.immediate(
              (actor, handle, answer) -> {
                long read = onFile(actor, handle, call);
                answer.result(read);
                answer.put(FIRST_BYTE, firstByte(actor, handle, offset, read));
              });
      case ScriptOp.Map _, ScriptOp.Remap _ ->
          SessionCall.systemCall(
              (actor, handle) -> ProcessCalls.make(actor.process(), null, call), Answer::success);
      case ScriptOp.Unmap _,
          ScriptOp.Protect _,
          ScriptOp.Advise _,
          ScriptOp.Lock _,
          ScriptOp.Unlock _ ->
          SessionCall.systemCall(
              (actor, handle) -> ProcessCalls.make(actor.process(), null, call), Answer::result);
      case ScriptOp.Call fileCall ->
          SessionCall.immediate(
              (actor, handle, answer) -> answer.result(onFile(actor, handle, fileCall)));
    };
  }

  private static long open(SessionProcess actor, String handle, FileType type, long bytes) {
    OpenFile file = actor.process().open(type.kind(), bytes / PageRange.PAGE_BYTES);
    if (file == null) {
      throw new UnsupportedOperationException("the modelled kernel has no files of kind " + type);
    }
    actor.handles().add(handle == null ? Handles.FILE : handle, new FileDescription(type, file));
    return 0;
  }

  private static long mapFile(
      SessionProcess actor, String handle, ScriptOp.Call call, int protection, boolean shared) {
    return switch (actor.handles().get(handle == null ? Handles.FILE : handle)) {
      case FileDescription open -> ProcessCalls.make(actor.process(), open.mapped(), call);
      // It is open for reading only, and cannot be mapped at all.
      case UffdDescription _ ->
          shared && (protection & OpParser.PROT_WRITE) != 0 ? -Errno.EACCES : -Errno.ENODEV;
      case KvmDescription open -> mapService(open, call, protection, shared);
      case null -> -Errno.EBADF;
    };
  }

  /** A mapping of a file of KVM: scripts can have it refused, but not use it. */
  private static long mapService(
      KvmDescription open, ScriptOp.Call call, int protection, boolean shared) {
    if (!(call instanceof ScriptOp.MapFile(PageRange range, int _, boolean _, long offset))) {
      throw new IllegalArgumentException("no mapping: " + call);
    }
    long error =
        open.service()
            .mmapError(
                offset / PageRange.PAGE_BYTES,
                range.bytes() / PageRange.PAGE_BYTES,
                shared,
                (protection & OpParser.PROT_EXEC) != 0);
    if (error == 0) {
      throw new UnsupportedOperationException("mappings of " + open.service().name());
    }
    return error;
  }

  private static long onFile(SessionProcess actor, String handle, ScriptOp.Call call) {
    FileDescription open = actor.handles().file(handle);
    if (open == null) {
      boolean isThere = actor.handles().get(handle == null ? Handles.FILE : handle) != null;
      // A file without an inode of its own has no size and nothing to write back.
      boolean isInvalid = call instanceof ScriptOp.Truncate || call instanceof ScriptOp.SyncFile;
      return isThere && isInvalid ? -Errno.EINVAL : -Errno.EBADF;
    }
    boolean writes = !(call instanceof ScriptOp.ReadFile || call instanceof ScriptOp.SyncFile);
    if (writes && !open.writable()) {
      return call instanceof ScriptOp.Truncate ? -Errno.EINVAL : -Errno.EBADF;
    }
    return ProcessCalls.make(actor.process(), open.file(), call);
  }

  /** Of the last page that was read. */
  private static long firstByte(SessionProcess actor, String handle, long offset, long read) {
    if (read <= 0) {
      return 0;
    }
    long last = (read - 1) / PageRange.PAGE_BYTES * PageRange.PAGE_BYTES;
    return actor.handles().file(handle).load(actor.bytes(), offset + last);
  }

  /** A touch, which may wait at every page. */
  private static final class Touching extends Execution {
    private final SessionProcess actor;
    private final ScriptOp.Touch touch;
    private final int[] order;
    private int touched;

    Touching(SessionProcess actor, ScriptOp.Touch touch) {
      super(actor);
      this.actor = actor;
      this.touch = touch;
      this.order = TouchOrder.of(touch.count(), touch.direction(), touch.seed());
    }

    @Override
    boolean step(Answer answer, long resumed) {
      while (touched < order.length) {
        int i = order[touched];
        long address = touch.address() + i * touch.stride() * PageRange.PAGE_BYTES;
        int signal = actor.access(address, touch.write(), i + 1 & BYTE_MASK);
        if (signal == UserSignal.BLOCKED) {
          return false;
        }
        if (signal != UserSignal.NONE) {
          answer.put(ObservedFields.TOUCHED, touched);
          answer.signal(signal, address);
          return true;
        }
        touched++;
      }
      answer.put(ObservedFields.TOUCHED, touched);
      return true;
    }
  }

  /** A fork, which may wait until its event was read. */
  private static final class Forking extends Execution {
    private final SessionProcess actor;
    private boolean forked;

    Forking(SessionProcess actor) {
      super(actor);
      this.actor = actor;
    }

    @Override
    boolean step(Answer answer, long resumed) {
      if (!forked) {
        forked = true;
        if (actor.family().fork(actor)) {
          return false;
        }
      }
      answer.result(0);
      return true;
    }
  }
}
