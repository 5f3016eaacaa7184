package dev.quire.kvm.server;

import dev.quire.bindings.EventCounter;
import dev.quire.bindings.HostFile;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Request;
import dev.quire.kvm.wire.SegmentList;
import java.io.IOException;

/** Calls about a client's memory, and what it lends. On the process's thread. */
final class MemoryCalls {
  private final ClientProcess process;

  MemoryCalls(ClientProcess process) {
    this.process = process;
  }

  void perform(Op op, CallFrame frame) {
    Request request = frame.request;
    switch (op) {
      case SHARE -> frame.answer(share(request));
      case UNSHARE -> frame.answer(process.memory().unshare(request.request(), request.argument()));
      case DISCARD -> frame.answer(process.memory().discard(request.request(), request.argument()));
      case WATCH ->
          frame.answer(
              process.memory().watch(request.request(), request.argument(), request.third()));
      case LEND -> frame.answer(lend(request));
      case LOAD -> load(frame);
      case STORE -> frame.answer(store(frame));
      case DIRTY -> dirty(frame);
      default -> frame.answer(-Errno.EOPNOTSUPP);
    }
  }

  private long share(Request request) {
    if (request.tag() == 0) {
      return process.memory().shareRemote(request.request(), request.argument());
    }
    HostFile file = process.mail() == null ? null : process.mail().claim(request.tag());
    if (file == null) {
      return -Errno.EBADF;
    }
    return process
        .memory()
        .share(
            request.request(),
            request.argument(),
            file,
            request.third(),
            (request.flags() & Frames.READ_ONLY) != 0);
  }

  private long lend(Request request) {
    EventCounter counter;
    if (request.tag() == 0) {
      try {
        counter = EventCounter.create((int) request.argument());
      } catch (IOException e) {
        return -Errno.EMFILE;
      }
    } else {
      HostFile file = process.mail() == null ? null : process.mail().claim(request.tag());
      if (file == null) {
        return -Errno.EBADF;
      }
      counter = EventCounter.adopt(file.descriptor());
    }
    if (request.request() != Frames.EVENTFD) {
      counter.close();
      return -Errno.EINVAL;
    }
    return process.files().install(new LentEvent(process.loop(), counter));
  }

  private void load(CallFrame frame) {
    Request request = frame.request;
    int at = frame.memory.room(request.request(), request.argument());
    if (at < 0) {
      frame.answer(-Errno.EFAULT);
      return;
    }
    int bytes = (int) request.argument();
    byte[] reply = frame.reply.array();
    boolean found;
    if (request.fd() >= 0) {
      Descriptor file = process.files().find(request.fd());
      found = file != null && PageSegments.load(file, request.request(), reply, at, bytes);
    } else {
      found = process.memory().load(request.request(), reply, at, bytes);
    }
    if (!found) {
      frame.reply.reply(request.sequence(), 0, 0, 0, 0);
    }
    frame.answer(found ? bytes : -Errno.EFAULT);
  }

  private long store(CallFrame frame) {
    Request request = frame.request;
    SegmentList segments = request.segments();
    Descriptor file = request.fd() < 0 ? null : process.files().find(request.fd());
    if (request.fd() >= 0 && file == null) {
      return -Errno.EBADF;
    }
    long total = 0;
    for (int i = 0; i < segments.count(); i++) {
      byte[] array = segments.array();
      long address = segments.address(i);
      int offset = segments.offset(i);
      int bytes = segments.bytes(i);
      boolean done =
          file == null
              ? process.memory().store(address, array, offset, bytes)
              : PageSegments.store(file, address, array, offset, bytes);
      if (!done) {
        return -Errno.EFAULT;
      }
      total += bytes;
    }
    return total;
  }

  private void dirty(CallFrame frame) {
    Request request = frame.request;
    long pages = request.argument() / Frames.PAGE_BYTES;
    long bytes = (pages + 63) / 64 * Long.BYTES;
    if (pages < 0 || !frame.reply.fits(bytes)) {
      frame.answer(-Errno.EINVAL);
      return;
    }
    byte[] bitmap = new byte[(int) bytes];
    long result = process.memory().dirty(request.request(), request.argument(), bitmap);
    if (result >= 0) {
      frame.reply.segment(0, bitmap, 0, bitmap.length);
    }
    frame.answer(result);
  }
}
