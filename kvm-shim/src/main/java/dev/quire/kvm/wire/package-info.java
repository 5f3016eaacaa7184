/** The frames of docs/WIRE.md: what they look like, and what is no frame. Knows no call. */
package dev.quire.kvm.wire;
