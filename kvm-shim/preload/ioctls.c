#define _GNU_SOURCE
#include "ioctls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "abi.h"
#include "call.h"
#include "files.h"
#include "loans.h"
#include "memory.h"
#include "real.h"
#include "requests.h"
#include "user.h"

/*
 * The service's number for a descriptor of the program's that a struct names: of a file of the service its own; of an
 * eventfd the loan's; of anything else that is open a file of the service which is not what is asked for, so that the answer
 * is the kernel's; of nothing -1.
 */
static int32_t translate(const struct file *file, int number) {
  struct file *named = table_hold(number);
  if (named != NULL) {
    int32_t handle = named->generation == process_generation() ? named->handle : -1;
    table_release(named);
    return handle;
  }
  if (table_is_hidden(number) || real()->fcntl(number, F_GETFD) < 0) {
    return -1;
  }
  return loans_is_eventfd(number) ? loans_handle(number) : file->handle;
}

/* What the library itself has to do about a request's struct before the service sees it. */
struct preparation {
  bool region;
  bool event;
  struct io_memory_region memory;
  int32_t first;  /* translated descriptor */
  int32_t second; /* another */
};

/* Above are no addresses of a process: the service answers EINVAL as the kernel does. */
#ifdef __x86_64__
#define USER_END UINT64_C(0x7ffffffff000)
#else
#define USER_END (UINT64_C(1) << 48)
#endif

static bool is_page_aligned(uint64_t value) { return value % KVM_IO_PAGE == 0; }

/* Reads the struct and does what needs calls of its own. False with errno. */
static bool prepare(struct file *file, uint32_t request, uint64_t argument, struct preparation *preparation) {
  size_t bytes = _IOC_SIZE(request);
  switch (request) {
    case IO_SET_USER_MEMORY_REGION:
    case IO_SET_USER_MEMORY_REGION2: {
      struct io_memory_region *memory = &preparation->memory;
      size_t known = bytes < sizeof *memory ? bytes : sizeof *memory;
      preparation->region = file->kind == FILE_VM && user_read(argument, memory, known) == known;
      if (!preparation->region) {
        return true;
      }
      if (request == IO_SET_USER_MEMORY_REGION2) {
        bool named = (memory->flags & IO_MEM_GUEST_MEMFD) != 0;
        preparation->first = named ? translate(file, (int)memory->guest_memfd) : -1;
      }
      bool plausible = memory->bytes != 0 && is_page_aligned(memory->host_address) && is_page_aligned(memory->bytes) &&
                       memory->host_address + memory->bytes > memory->host_address &&
                       memory->host_address + memory->bytes <= USER_END;
      if (plausible && !memory_share(memory->host_address, memory->bytes)) {
        errno = errno == EIO ? EIO : ENOMEM;
        return false;
      }
      return true;
    }
    case IO_IRQFD: {
      struct io_irqfd irq;
      preparation->event = user_read(argument, &irq, sizeof irq) == sizeof irq;
      if (preparation->event) {
        preparation->first = translate(file, (int)irq.fd);
        bool resample = (irq.flags & IO_IRQFD_RESAMPLE) != 0;
        preparation->second = resample ? translate(file, (int)irq.resamplefd) : 0;
      }
      return true;
    }
    case IO_IOEVENTFD: {
      struct io_ioeventfd event;
      preparation->event = user_read(argument, &event, sizeof event) == sizeof event;
      if (preparation->event) {
        preparation->first = translate(file, event.fd);
      }
      return true;
    }
    default:
      return true;
  }
}

/* Puts the service's numbers into the struct's copy in the frame. */
static void put_handles(uint32_t request, void *structure, const struct preparation *preparation) {
  switch (request) {
    case IO_SET_USER_MEMORY_REGION2:
      if (preparation->region && (preparation->memory.flags & IO_MEM_GUEST_MEMFD) != 0) {
        ((struct io_memory_region *)structure)->guest_memfd = (uint32_t)preparation->first;
      }
      break;
    case IO_IRQFD:
      if (preparation->event) {
        struct io_irqfd *irq = structure;
        irq->fd = (uint32_t)preparation->first;
        irq->resamplefd = (irq->flags & IO_IRQFD_RESAMPLE) != 0 ? (uint32_t)preparation->second : irq->resamplefd;
      }
      break;
    case IO_IOEVENTFD:
      if (preparation->event) {
        ((struct io_ioeventfd *)structure)->fd = preparation->first;
      }
      break;
    default:
      break;
  }
}

/* The kind of file whose number a request returns, or -1. */
static int kind_made(const struct file *file, uint32_t request) {
  switch (request) {
    case IO_CREATE_VM:
      return file->kind == FILE_SYSTEM ? FILE_VM : -1;
    case IO_CREATE_VCPU:
      return file->kind == FILE_VM ? FILE_VCPU : -1;
    case IO_CREATE_GUEST_MEMFD:
      return file->kind == FILE_VM ? FILE_GUEST_MEMFD : -1;
    case IO_GET_STATS_FD:
      return file->kind == FILE_VM || file->kind == FILE_VCPU ? FILE_STATS : -1;
    default:
      return -1;
  }
}

/* A device's number stands in the struct that the reply brings: reads it there, or stores ours. */
static bool device_field(struct call *call, uint64_t argument, int32_t *handle) {
  size_t position = 0;
  uint64_t address;
  uint32_t bytes;
  void *data;
  const uint64_t field = argument + offsetof(struct io_create_device, fd);
  while (call_next_segment(call, &position, &address, &bytes, &data)) {
    if (address <= field && field + sizeof *handle <= address + bytes) {
      memcpy(handle, (uint8_t *)data + (field - address), sizeof *handle);
      return true;
    }
  }
  return false;
}

/* Takes over the mask that the service accepted. */
static void set_mask(struct file *vcpu, uint64_t argument) {
  uint32_t bytes;
  uint64_t mask = 0;
  vcpu->masked = argument != 0 && user_read(argument, &bytes, sizeof bytes) == sizeof bytes &&
                 user_read(argument + sizeof bytes, &mask, sizeof mask) == sizeof mask;
  vcpu->run_mask = mask & ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1));
}

/* What a call that succeeded changes here. Its result for the program. */
static int64_t finish(struct file *file, uint32_t request, uint64_t argument, int64_t result, int32_t device,
                      const struct preparation *preparation) {
  int kind = kind_made(file, request);
  if (kind >= 0) {
    unsigned flags = kind == FILE_GUEST_MEMFD ? 0 : MFD_CLOEXEC;
    return table_install((enum file_kind)kind, (int32_t)result, file->vm, flags);
  }
  if (device >= 0) {
    int number = table_install(FILE_DEVICE, device, file->vm, MFD_CLOEXEC);
    uint32_t told = (uint32_t)number;
    if (number < 0 || user_write(argument + offsetof(struct io_create_device, fd), &told, sizeof told) != sizeof told) {
      return -1;
    }
  }
  if (preparation->region) {
    const struct io_memory_region *memory = &preparation->memory;
    memory_set_slot(file->handle, memory->slot, memory->host_address, memory->bytes);
  }
  if (request == IO_SET_SIGNAL_MASK && file->kind == FILE_VCPU) {
    set_mask(file, argument);
  }
  return result;
}

int ioctls_call(struct file *file, uint32_t request, uint64_t argument) {
  if (request == IO_RUN && file->kind == FILE_VCPU && argument == 0) {
    return ioctls_run(file);
  }
  struct preparation preparation = {0};
  struct call call;
  void *structure;
  bool possible = prepare(file, request, argument, &preparation) &&
                  files_begin(&call, file, OP_IOCTL, request, argument, 0);
  if (!possible) {
    return -1;
  }
  int64_t result = -1;
  int32_t device = -1;
  if (request_add_memory(&call, request, argument, &structure)) {
    if (structure != NULL) {
      put_handles(request, structure, &preparation);
    }
    result = call_exchange(&call);
    int saved = errno;
    if (!call.answered || call_store(&call)) {
      errno = saved;
    } else {
      result = -1;
    }
    if (result >= 0 && request == IO_CREATE_DEVICE && file->kind == FILE_VM && structure != NULL) {
      struct io_create_device made;
      memcpy(&made, structure, sizeof made);
      if ((made.flags & IO_CREATE_DEVICE_TEST) == 0) {
        device_field(&call, argument, &device);
      }
    }
  }
  call_end(&call);
  if (result >= 0) {
    result = finish(file, request, argument, result, device, &preparation);
  }
  return result > INT_MAX ? INT_MAX : (int)result;
}
