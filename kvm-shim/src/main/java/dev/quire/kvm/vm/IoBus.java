package dev.quire.kvm.vm;

import java.util.ArrayList;
import java.util.List;

/**
 * The buses of a VM: the ranges of ioeventfds and coalesced zones, then devices in the order of
 * adding.
 */
final class IoBus implements KvmBus {
  private final BusRanges ports;
  private final BusRanges addresses;
  private final List<Device> devices = new ArrayList<>();
  private long data;

  IoBus(BusRanges ports, BusRanges addresses) {
    this.ports = ports;
    this.addresses = addresses;
  }

  @Override
  public boolean write(boolean port, long address, int bytes, long value) {
    if ((port ? ports : addresses).write(address, bytes, value)) {
      return true;
    }
    for (Device device : devices) {
      if (device.write(port, address, bytes, value)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean read(boolean port, long address, int bytes) {
    for (Device device : devices) {
      if (device.read(port, address, bytes)) {
        data = device.answer();
        return true;
      }
    }
    return false;
  }

  @Override
  public long data() {
    return data;
  }

  @Override
  public void add(Device device) {
    devices.add(device);
  }

  @Override
  public void remove(Device device) {
    devices.remove(device);
  }
}
