/* SPDX-License-Identifier: Apache-2.0 */
#include "psf.h"

#include <stddef.h>

#define REG(name) offsetof(psf_regs_t, name)

static uint32_t get(const struct psf_device *device, size_t offset) {
  return psf_io_read(device->base + offset);
}

static void set(const struct psf_device *device, size_t offset, uint32_t value) {
  psf_io_write(device->base + offset, value);
}

static int running(const struct psf_device *device) {
  return (get(device, REG(STATUS)) & (PSF_REGS__STATUS__BUSY_bm | PSF_REGS__STATUS__STUCK_bm)) != 0;
}

enum psf_status psf_init(struct psf_device *device, uintptr_t base) {
  unsigned i;
  device->base = base;
  device->ring = NULL;
  device->ring_mask = device->ring_head = 0;
  if (get(device, REG(ID)) != PSF_REGS__ID__ID_reset)
    return PSF_NOT_THERE;
  if (get(device, REG(VERSION)) >> PSF_REGS__VERSION__MAJOR_bp != PSF_REGS__VERSION__MAJOR_reset)
    return PSF_VERSION;
  for (i = 0; i < PSF_CAPABILITIES - 1; i++)
    device->capability[i] = get(device, REG(CAP0) + 4 * i);
  device->capability[i] = get(device, REG(CAP6)); /* lies elsewhere */
  set(device, REG(CTRL), PSF_REGS__CTRL__SOFT_RESET_bm);
  if (get(device, REG(STATUS)) & PSF_REGS__STATUS__STUCK_bm)
    return PSF_STUCK;
  return PSF_OK;
}

enum psf_status psf_windows(struct psf_device *device, struct psf_window reads,
                            struct psf_window writes) {
  const uint32_t wanted[4] = {reads.first, reads.last, writes.first, writes.last};
  unsigned i;
  for (i = 0; i < 4; i += 2)
    if (wanted[i] & 7 || (wanted[i + 1] & 7) != 7 || wanted[i] > wanted[i + 1])
      return PSF_ARGUMENT;
  for (i = 0; i < 4; i++) {
    if (!(get(device, REG(WINDOW_LOCK)) & PSF_REGS__WINDOW_LOCK__LOCK_bm))
      set(device, REG(READ_BASE) + 4 * i, wanted[i]);
    if (get(device, REG(READ_BASE) + 4 * i) != wanted[i])
      return PSF_LOCKED;
  }
  return PSF_OK;
}

void psf_lock(struct psf_device *device) {
  set(device, REG(WINDOW_LOCK), PSF_REGS__WINDOW_LOCK__LOCK_bm);
}

void psf_watchdog(struct psf_device *device, uint32_t cycles) {
  set(device, REG(WATCHDOG), cycles);
}

enum psf_status psf_load(struct psf_device *device, const struct psf_network *network) {
  unsigned i;
  for (i = 0; i < PSF_CAPABILITIES; i++)
    if (network->capability[i] != device->capability[i])
      return PSF_CAPABILITY;
  if (network->program & 7 || network->weights & 7 || network->descriptors == 0)
    return PSF_ARGUMENT;
  set(device, REG(PROGRAM_BASE), network->program);
  set(device, REG(WEIGHT_BASE), network->weights);
  set(device, REG(PROGRAM_COUNT), network->descriptors);
  return PSF_OK;
}

enum psf_status psf_start(struct psf_device *device, uint32_t image, uint32_t result) {
  if (image & 7 || result & 7)
    return PSF_ARGUMENT;
  if (running(device))
    return PSF_BUSY;
  set(device, REG(IMAGE_BASE), image);
  set(device, REG(RESULT_BASE), result);
  set(device, REG(CTRL), PSF_REGS__CTRL__START_bm);
  return PSF_OK;
}

enum psf_status psf_poll(struct psf_device *device) {
  const uint32_t status = get(device, REG(STATUS));
  if (status & PSF_REGS__STATUS__STUCK_bm)
    return PSF_STUCK;
  if (status & PSF_REGS__STATUS__BUSY_bm)
    return PSF_BUSY;
  return status & PSF_REGS__STATUS__ERROR_bm ? PSF_FAILED : PSF_OK;
}

enum psf_status psf_wait(struct psf_device *device, uint32_t looks) {
  for (; looks; looks--) {
    const enum psf_status status = psf_poll(device);
    if (status != PSF_BUSY)
      return status;
  }
  return PSF_TIMEOUT;
}

uint16_t psf_label(struct psf_device *device) {
  return (uint16_t)(get(device, REG(LABEL)) & PSF_REGS__LABEL__LABEL_bm);
}

uint32_t psf_cycles(struct psf_device *device) { return get(device, REG(CYCLES)); }

void psf_irq_enable(struct psf_device *device, uint32_t which) {
  set(device, REG(IRQ_ENABLE), which & (PSF_IRQ_JOB | PSF_IRQ_ERROR));
}

uint32_t psf_irq_take(struct psf_device *device) {
  const uint32_t raised = get(device, REG(IRQ_STATUS));
  set(device, REG(IRQ_STATUS), raised);
  return raised;
}

struct psf_error psf_error(struct psf_device *device) {
  struct psf_error error;
  error.cause = (uint8_t)(get(device, REG(ERROR_CAUSE)) & PSF_REGS__ERROR_CAUSE__CAUSE_bm);
  error.descriptor = (uint16_t)(get(device, REG(ERROR_INDEX)) & PSF_REGS__ERROR_INDEX__INDEX_bm);
  error.address = get(device, REG(ERROR_ADDR));
  error.job = (uint16_t)(get(device, REG(ERROR_JOB)) & PSF_REGS__ERROR_JOB__JOB_bm);
  return error;
}

const char *psf_cause(uint8_t cause) {
  switch (cause) {
#define TEXT(name, value, text) \
  case value: \
    return text;
    PSF_CAUSES(TEXT)
#undef TEXT
  default:
    return "a cause that this driver does not know";
  }
}

const char *psf_text(enum psf_status status) {
  switch (status) {
  case PSF_OK:
    return "well";
  case PSF_BUSY:
    return "a run is not over yet";
  case PSF_NOT_THERE:
    return "there is no accelerator at this address";
  case PSF_VERSION:
    return "the accelerator has an incompatible register map";
  case PSF_CAPABILITY:
    return "the network was compiled for other hardware";
  case PSF_ARGUMENT:
    return "an address is not aligned or a size is out of range";
  case PSF_LOCKED:
    return "the windows are locked and differ";
  case PSF_FAILED:
    return "the accelerator stopped with an error";
  case PSF_STUCK:
    return "the bus never answered";
  case PSF_TIMEOUT:
    return "the run is still not over";
  case PSF_FULL:
    return "there is no room in the ring";
  case PSF_PACKAGE:
    return "not a package, or a damaged one";
  }
  return "a status that this driver does not know";
}

void psf_abort(struct psf_device *device) {
  set(device, REG(CTRL), PSF_REGS__CTRL__ABORT_bm);
}

enum psf_status psf_ring(struct psf_device *device, volatile uint32_t *ring, uint32_t address,
                         unsigned log2_entries) {
  if (address & 15 || log2_entries > 15)
    return PSF_ARGUMENT;
  if (running(device))
    return PSF_BUSY;
  device->ring = ring;
  device->ring_mask = (uint16_t)((1u << log2_entries) - 1);
  device->ring_head = (uint16_t)get(device, REG(RING_TAIL));
  set(device, REG(RING_BASE), address);
  set(device, REG(RING_SIZE), log2_entries);
  return PSF_OK;
}

enum psf_status psf_push(struct psf_device *device, uint32_t image, uint32_t result,
                         int interrupt) {
  volatile uint32_t *entry;
  if (device->ring == NULL || image & 7 || result & 7)
    return PSF_ARGUMENT;
  if (psf_pending(device) > device->ring_mask)
    return PSF_FULL;
  entry = device->ring + 4 * (size_t)(device->ring_head & device->ring_mask);
  entry[0] = image;
  entry[1] = result;
  entry[2] = interrupt != 0;
  entry[3] = 0;
  device->ring_head++;
  set(device, REG(RING_HEAD), device->ring_head);
  return PSF_OK;
}

uint16_t psf_pending(struct psf_device *device) {
  return (uint16_t)(device->ring_head - get(device, REG(RING_TAIL)));
}

uint32_t psf_crc(const void *bytes, uint32_t size, uint32_t before) {
  static const uint32_t of_four_bits[16] = {
      0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
      0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
      0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
  };
  const uint8_t *next = bytes;
  uint32_t crc = ~before;
  for (; size; size--) {
    crc ^= *next++;
    crc = crc >> 4 ^ of_four_bits[crc & 15];
    crc = crc >> 4 ^ of_four_bits[crc & 15];
  }
  return ~crc;
}

/* Whether `count` records of `bytes` lie behind the header and within the package. */
static int within(const struct psf_package *p, uint32_t first, uint32_t bytes, uint32_t count) {
  const uint64_t end = (uint64_t)first + (uint64_t)bytes * count;
  return first % 64 == 0 && first >= sizeof *p && end <= p->size;
}

enum psf_status psf_package_open(const void *bytes, uint32_t size,
                                 const struct psf_package **package) {
  const struct psf_package *p = bytes;
  const uint32_t before = offsetof(struct psf_package, crc), zero = 0;
  uint32_t crc;
  if (size < sizeof *p || p->magic != PSF_PACKAGE_MAGIC || p->version != PSF_PACKAGE_VERSION)
    return PSF_PACKAGE;
  if (p->size > size || p->size < sizeof *p)
    return PSF_PACKAGE;
  crc = psf_crc(bytes, before, 0);
  crc = psf_crc(&zero, 4, crc);
  crc = psf_crc((const uint8_t *)bytes + before + 4, p->size - before - 4, crc);
  if (crc != p->crc)
    return PSF_PACKAGE;
  if (p->descriptors == 0 || p->descriptors > 0xffff || p->image_stride < p->image_bytes ||
      !within(p, p->program, 64, p->descriptors) || !within(p, p->weights, p->weight_bytes, 1))
    return PSF_PACKAGE;
  if (p->image_count && (!within(p, p->images, p->image_stride, p->image_count) ||
                         !within(p, p->expected, 4 * (1 + p->classes), p->image_count)))
    return PSF_PACKAGE;
  *package = p;
  return PSF_OK;
}

struct psf_network psf_package_network(const struct psf_package *package, uint32_t address) {
  struct psf_network network;
  unsigned i;
  network.program = address + package->program;
  network.weights = address + package->weights;
  network.descriptors = (uint16_t)package->descriptors;
  for (i = 0; i < PSF_CAPABILITIES; i++)
    network.capability[i] = package->capability[i];
  return network;
}
