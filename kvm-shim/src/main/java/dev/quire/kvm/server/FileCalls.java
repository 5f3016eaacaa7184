package dev.quire.kvm.server;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.fd.UserBytes;
import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.vm.GuestMemfdFile;
import dev.quire.kvm.vm.StatsFile;
import dev.quire.kvm.vm.SystemFile;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.kvm.vm.VmFile;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Request;
import dev.quire.kvm.wire.SegmentList;

/** Calls on a descriptor, but those on vCPUs that take turns. On the process's thread. */
final class FileCalls {
  private static final int STATUS_BYTES = 40;
  private static final int MAP_SHARED = 1;
  private static final int PROT_EXEC = 0x40000;
  private static final int SEEK_MAX = 4;
  private static final int MODE_ANONYMOUS = 0600;
  private static final int MODE_FILE = 0100600;

  private final ClientProcess process;

  FileCalls(ClientProcess process) {
    this.process = process;
  }

  void perform(Op op, CallFrame frame) {
    Descriptor file = Calls.file(process, frame);
    if (file == null) {
      return;
    }
    Request request = frame.request;
    switch (op) {
      case IOCTL -> frame.answer(ioctl(frame, file));
      case MMAP -> map(frame, file);
      case DUP -> {
        file.get();
        frame.answer(process.files().install(file));
      }
      case READ -> read(frame, file, -1);
      case PREAD -> positioned(frame, file);
      case WRITE -> frame.answer(write(frame, file));
      case PWRITE -> frame.answer(writePositioned(request, file));
      case FALLOCATE -> frame.answer(allocate(request, file));
      case FSTAT -> status(frame, file);
      case SEEK -> frame.answer(seek(request, file));
      default -> frame.answer(0);
    }
  }

  private long ioctl(CallFrame frame, Descriptor file) {
    int code = (int) frame.request.request();
    boolean vcpu = code == Ioctls.CREATE_VCPU && file instanceof VmFile;
    if (vcpu && !process.quota().vcpu()) {
      return -Errno.EMFILE;
    }
    long result = file.ioctl(frame, code, frame.request.argument());
    if (vcpu && result < 0) {
      process.quota().vcpusGone(1);
    } else if (vcpu
        && ((VmFile) file).host() instanceof ClientHost host
        && process.files().find((int) result) instanceof VcpuFile made) {
      host.madeVcpu(made::walks);
    }
    return result;
  }

  private void map(CallFrame frame, Descriptor file) {
    long offset = frame.request.request();
    long bytes = frame.request.argument();
    if (offset < 0 || offset % Frames.PAGE_BYTES != 0 || bytes <= 0) {
      frame.answer(-Errno.EINVAL);
      return;
    }
    long page = offset / Frames.PAGE_BYTES;
    long pages = (bytes + Frames.PAGE_BYTES - 1) / Frames.PAGE_BYTES;
    boolean shared = (frame.request.third() & MAP_SHARED) != 0;
    boolean executable = (frame.request.third() & PROT_EXEC) != 0;
    long error = file.mmapError(page, pages, shared, executable);
    if (error != 0) {
      frame.answer(error);
      return;
    }
    SharedPages memory = file.pages(page);
    if (memory == null) {
      // A mapping without memory: touching it is SIGBUS.
      frame.answer(0);
      return;
    }
    long first = file.indexInPages(page);
    long there = memory.segment().byteSize() / Frames.PAGE_BYTES - first;
    int tag =
        process.mail() == null || memory.hostDescriptor() < 0
            ? 0
            : process.mail().send(memory.hostDescriptor());
    long mapped = Math.min(pages, there) * Frames.PAGE_BYTES;
    frame.answer(tag == 0 ? -Errno.ENODEV : mapped, first * Frames.PAGE_BYTES, tag);
  }

  /** Of KVM's files only statistics are opened with FMODE_PREAD; /dev/kvm has it as all devices. */
  private void positioned(CallFrame frame, Descriptor file) {
    long position = frame.request.third();
    if (position < 0) {
      frame.answer(-Errno.EINVAL);
    } else if (file instanceof StatsFile || file instanceof SystemFile) {
      read(frame, file, position);
    } else {
      frame.answer(-Errno.ESPIPE);
    }
  }

  private void read(CallFrame frame, Descriptor file, long position) {
    long bytes = frame.request.request();
    int at = frame.memory.room(frame.request.argument(), bytes);
    if (at < 0) {
      frame.answer(-Errno.EFAULT);
      return;
    }
    byte[] target = new byte[(int) bytes];
    long result = position < 0 ? file.readOn(target) : file.read(position, target);
    // The frame's room was for what was asked; only what was read is sent.
    frame.reply.reply(frame.request.sequence(), 0, 0, 0, 0);
    if (result > 0) {
      frame.reply.segment(frame.request.argument(), target, 0, (int) result);
    }
    frame.answer(result);
  }

  /** Of all files of the service only eventfds and, in some kernels, guest_memfds take bytes. */
  private static long write(CallFrame frame, Descriptor file) {
    SegmentList segments = frame.request.segments();
    if (file instanceof LentEvent event) {
      return segments.count() == 1 ? event.write(segments.copy(0)) : -Errno.EFAULT;
    }
    return file.writeOn(source(frame.request));
  }

  private static long writePositioned(Request request, Descriptor file) {
    long position = request.third();
    if (position < 0) {
      return -Errno.EINVAL;
    }
    boolean positions =
        file instanceof SystemFile
            || file instanceof GuestMemfdFile memory && memory.file().hasPwrite();
    return positions ? file.write(position, source(request)) : -Errno.ESPIPE;
  }

  private static UserBytes source(Request request) {
    SegmentList segments = request.segments();
    boolean some = segments.count() > 0;
    return new UserBytes(
        request.argument(),
        request.request(),
        segments.array(),
        some ? segments.offset(0) : 0,
        some ? segments.bytes(0) : 0,
        (request.flags() & Frames.PART) != 0);
  }

  private static long seek(Request request, Descriptor file) {
    int whence = (int) request.request();
    return whence < 0 || whence > SEEK_MAX ? -Errno.EINVAL : file.seek(request.argument(), whence);
  }

  private static long allocate(Request request, Descriptor file) {
    int mode = (int) request.request();
    if (!(file instanceof GuestMemfdFile memory)) {
      return request.argument() < 0 || request.third() <= 0 ? -Errno.EINVAL : -Errno.ENODEV;
    }
    return memory.file().fallocate(mode, request.argument(), request.third());
  }

  private static void status(CallFrame frame, Descriptor file) {
    long bytes = file instanceof GuestMemfdFile memory ? memory.file().size() : -1;
    byte[] status = new byte[STATUS_BYTES];
    Frames.putInt(status, 0, bytes < 0 ? MODE_ANONYMOUS : MODE_FILE);
    Frames.putInt(status, 4, 1);
    Frames.putLong(status, 16, Math.max(0, bytes));
    Frames.putInt(status, 32, Frames.PAGE_BYTES);
    frame.reply.segment(frame.request.argument(), status, 0, STATUS_BYTES);
    frame.answer(0);
  }
}
