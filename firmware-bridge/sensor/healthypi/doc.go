// Package healthypi reads HealthyPi 5 boards over USB: the packets that the firmware
// calls OpenView.
//
// # Wiring and settings
//
// USB (CDC-ACM, /dev/ttyACM*), at any baud; 115200 8N1 by custom. The board streams by
// itself.
//
// # Layout
//
// 29 bytes, little endian, 128 times a second:
//
//	0A FA | 16 00 length of the data | 02 | ECG i32 | BioZ i32 | skip | red i32 |
//	infrared i32 | temperature i16, hundredths | SpO2 | heart rate | respiration | 00 0B
//
// A skip of FF says that there is no new BioZ sample in the packet, 00 that there is one.
//
// # What is read
//
//   - Once a second MDC_PULS_OXIM_SAT_O2 in %, MDC_ECG_HEART_RATE and
//     MDC_TTHOR_RESP_RATE in /min and MDC_TEMP in Cel, with the hundredths as sent. The
//     board sends 0 when it has no value: NaN and NotAvailable. An SpO2 above 100 and a
//     temperature below 0 or above 60 are Invalid with no value.
//   - MDC_ECG_ELEC_POTL, 128 samples a second in runs of at most 64, and MDC_IMPED_TTHOR,
//     64 samples a second. Neither has a scale or a unit: the gain depends on settings
//     that are not sent. A run ends where bytes were lost. Firmware of 2025 samples BioZ
//     at 64/s too, but never sets skip and sends each sample twice: that is told as the
//     128 samples a second that come.
//
// The heart rate is that of the ECG in the firmware's default; it can be set to be the
// oximeter's, and the packet does not say which.
//
// Not read: red and infrared, because the firmware samples them at a pace of their own and
// repeats the last one in each packet: their rate is not known. Leads that are off are not
// told in this format. Other formats of the firmware (plain text, OpenView 3 for Bluetooth
// and files) are not read.
//
// # Errors on the line
//
// There is no check sum. A packet is one if its first five and last two bytes are right
// and skip is 00 or FF, so that a flipped bit in a value passes as a value. Frames counts
// runs of bytes that belong to no packet as bad.
//
// # Sources
//
// The vendor's firmware, Protocentral/protocentral_healthypi5_zephyr (MIT), read in source:
// app/src/data_module.c and sampling_module.c.
package healthypi
