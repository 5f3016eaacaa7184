package dev.quire.kvm.vm;

import java.util.ArrayList;
import java.util.List;

/** The buses of a VM: ioeventfds, then coalesced zones, then devices in the order of adding. */
final class IoBus implements KvmBus {
  private final IoEventFds events;
  private final CoalescedZones zones;
  private final List<Device> devices = new ArrayList<>();
  private long data;

  IoBus(IoEventFds events, CoalescedZones zones) {
    this.events = events;
    this.zones = zones;
  }

  @Override
  public boolean write(boolean port, long address, int bytes, long value) {
    if (events.write(port, address, bytes, value) || zones.write(port, address, bytes, value)) {
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
