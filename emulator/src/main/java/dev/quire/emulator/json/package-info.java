/** JSON as plain values, for what machines leave behind and for reports. */
package dev.quire.emulator.json;
