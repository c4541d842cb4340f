/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/device.h>

/* What a row demands; a field that it does not name may hold anything. */
#define SUB 0x1 /* subclass */
#define PRO 0x2 /* protocol */

struct class_row {
        struct interface_triple triple;
        uint8_t fields;
        uint32_t classes;
};

static const struct class_row usb[] = {
        /* The first row that fits counts, so the narrow ones stand before the wide ones. */
        { { 0x01, 0, 0 }, 0, CLASS_BIT(CLASS_AUDIO) },

        /* CDC 1.2 table 4, and what Linux and Windows make of it. RNDIS hides behind ACM with a vendor protocol. */
        { { 0x02, 0x01, 0 }, SUB, CLASS_BIT(CLASS_MODEM) }, /* direct line */
        { { 0x02, 0x02, 0x00 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) },
        { { 0x02, 0x02, 0x01 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: V.250 */
        { { 0x02, 0x02, 0x02 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: PCCA-101 */
        { { 0x02, 0x02, 0x03 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: PCCA-101, O */
        { { 0x02, 0x02, 0x04 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: GSM 7.07 */
        { { 0x02, 0x02, 0x05 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: 3GPP 27.07 */
        { { 0x02, 0x02, 0x06 }, SUB | PRO, CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) }, /* AT: CDMA */
        { { 0x02, 0x02, 0xff }, SUB | PRO, CLASS_BIT(CLASS_NETWORK) },                         /* RNDIS */
        { { 0x02, 0x03, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },                                    /* telephone */
        { { 0x02, 0x04, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },                                    /* multi-channel: ISDN */
        { { 0x02, 0x05, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },                                    /* CAPI */
        { { 0x02, 0x06, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) },                                  /* ECM */
        { { 0x02, 0x07, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) },                                  /* ATM */
        { { 0x02, 0x08, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },                                    /* wireless handset */
        { { 0x02, 0x09, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },                                    /* handset management */
        { { 0x02, 0x0a, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) }, /* MDLM: Linux cdc_subset */
        { { 0x02, 0x0b, 0 }, SUB, CLASS_BIT(CLASS_PHONE) },   /* OBEX: file exchange */
        { { 0x02, 0x0c, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) }, /* EEM */
        { { 0x02, 0x0d, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) }, /* NCM */
        { { 0x02, 0x0e, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) }, /* MBIM */

        /* HID 1.11 section 4.2: the protocol means something only with the boot subclass. */
        { { 0x03, 0x01, 0x01 }, SUB | PRO, CLASS_BIT(CLASS_KEYBOARD) },
        { { 0x03, 0x01, 0x02 }, SUB | PRO, CLASS_BIT(CLASS_MOUSE) },
        { { 0x03, 0, 0 }, 0, CLASS_BIT(CLASS_HID) },

        { { 0x06, 0, 0 }, 0, CLASS_BIT(CLASS_PHONE) }, /* still image: PTP, MTP */
        { { 0x07, 0, 0 }, 0, CLASS_BIT(CLASS_PRINTER) },
        { { 0x08, 0x02, 0 }, SUB, CLASS_BIT(CLASS_OPTICAL) }, /* MMC-5; UFI floppies (04) are storage */
        { { 0x08, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) },
        { { 0x09, 0, 0 }, 0, CLASS_BIT(CLASS_HUB) },

        /* A data interface means whatever its control interface does; that one must be listed too. */
        { { 0x0a, 0, 0 }, 0, CLASS_BIT(CLASS_NETWORK) | CLASS_BIT(CLASS_SERIAL) | CLASS_BIT(CLASS_MODEM) },

        { { 0x0b, 0, 0 }, 0, CLASS_BIT(CLASS_SMARTCARD) },
        { { 0x0e, 0, 0 }, 0, CLASS_BIT(CLASS_CAMERA) },
        { { 0x10, 0, 0 }, 0, CLASS_BIT(CLASS_VIDEO) },
        { { 0xe0, 0x01, 0x01 }, SUB | PRO, CLASS_BIT(CLASS_BLUETOOTH) },
        { { 0xe0, 0x01, 0x03 }, SUB | PRO, CLASS_BIT(CLASS_NETWORK) },   /* RNDIS: what Android phones say */
        { { 0xe0, 0x01, 0x04 }, SUB | PRO, CLASS_BIT(CLASS_BLUETOOTH) }, /* AMP */
        { { 0xef, 0x01, 0 }, SUB, CLASS_BIT(CLASS_PHONE) },              /* ActiveSync, Palm Sync */
        { { 0xef, 0x04, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) },            /* RNDIS over Ethernet, Wi-Fi, WWAN ... */
};

static const struct class_row pci[] = {
        { { 0x01, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) },
        { { 0x02, 0, 0 }, 0, CLASS_BIT(CLASS_NETWORK) },
        { { 0x03, 0, 0 }, 0, CLASS_BIT(CLASS_VIDEO) },
        { { 0x04, 0x01, 0 }, SUB, CLASS_BIT(CLASS_AUDIO) },
        { { 0x04, 0x02, 0 }, SUB, CLASS_BIT(CLASS_MODEM) }, /* telephony */
        { { 0x04, 0x03, 0 }, SUB, CLASS_BIT(CLASS_AUDIO) },
        { { 0x04, 0, 0 }, 0, CLASS_BIT(CLASS_VIDEO) },
        { { 0x06, 0x04, 0 }, SUB, CLASS_BIT(CLASS_HUB) }, /* bridge to another PCI bus */
        { { 0x07, 0x01, 0 }, SUB, CLASS_BIT(CLASS_PRINTER) },
        { { 0x07, 0x03, 0 }, SUB, CLASS_BIT(CLASS_MODEM) },
        { { 0x07, 0x00, 0 }, SUB, CLASS_BIT(CLASS_SERIAL) },
        { { 0x07, 0x02, 0 }, SUB, CLASS_BIT(CLASS_SERIAL) },
        { { 0x08, 0x05, 0 }, SUB, CLASS_BIT(CLASS_STORAGE) }, /* SD host controller */
        { { 0x09, 0x00, 0 }, SUB, CLASS_BIT(CLASS_KEYBOARD) },
        { { 0x09, 0x02, 0 }, SUB, CLASS_BIT(CLASS_MOUSE) },
        { { 0x09, 0, 0 }, 0, CLASS_BIT(CLASS_HID) },
        { { 0x0c, 0x03, 0 }, SUB, CLASS_BIT(CLASS_HUB) }, /* USB controller */
        { { 0x0d, 0x11, 0 }, SUB, CLASS_BIT(CLASS_BLUETOOTH) },
        { { 0x0d, 0, 0 }, 0, CLASS_BIT(CLASS_NETWORK) }, /* wireless */
};

static const struct class_row scsi[] = {
        { { 0x00, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* disk */
        { { 0x01, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* tape */
        { { 0x02, 0, 0 }, 0, CLASS_BIT(CLASS_PRINTER) },
        { { 0x04, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* write once */
        { { 0x05, 0, 0 }, 0, CLASS_BIT(CLASS_OPTICAL) },
        { { 0x07, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* magneto-optical */
        { { 0x0e, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* simplified disk */
        { { 0x14, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) }, /* zoned disk */
};

static const struct class_row mmc[] = {
        { { 0x00, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) },        { { 0x01, 0x01, 0 }, SUB, CLASS_BIT(CLASS_SERIAL) },
        { { 0x01, 0x02, 0 }, SUB, CLASS_BIT(CLASS_BLUETOOTH) }, { { 0x01, 0x03, 0 }, SUB, CLASS_BIT(CLASS_BLUETOOTH) },
        { { 0x01, 0x06, 0 }, SUB, CLASS_BIT(CLASS_CAMERA) }, /* PHS radio is 05, camera 06 */
        { { 0x01, 0x07, 0 }, SUB, CLASS_BIT(CLASS_NETWORK) },   { { 0x01, 0x09, 0 }, SUB, CLASS_BIT(CLASS_BLUETOOTH) },
};

static const struct class_row thunderbolt[] = { { { 0, 0, 0 }, 0, CLASS_BIT(CLASS_HUB) } };
static const struct class_row bluetooth[] = { { { 0, 0, 0 }, 0, CLASS_BIT(CLASS_BLUETOOTH) } };
static const struct class_row floppy[] = { { { 0, 0, 0 }, 0, CLASS_BIT(CLASS_STORAGE) } };

#define ROWS(t)                                                                                                        \
        { (t), sizeof(t) / sizeof *(t) }
static const struct vocabulary {
        const struct class_row *rows;
        size_t n;
} vocabularies[BUS_MAX] = {
        [BUS_USB] = ROWS(usb),
        [BUS_VHCI] = ROWS(usb),
        [BUS_PCI] = ROWS(pci),
        [BUS_NVME] = ROWS(pci),
        [BUS_ATA] = ROWS(scsi),
        [BUS_SCSI] = ROWS(scsi),
        [BUS_MMC] = ROWS(mmc),
        [BUS_FLOPPY] = ROWS(floppy),
        [BUS_THUNDERBOLT] = ROWS(thunderbolt),
        [BUS_BLUETOOTH] = ROWS(bluetooth),
        [BUS_FIREWIRE] = ROWS(scsi),
};

uint32_t interface_classes(enum bus bus, struct interface_triple t) {
        const struct vocabulary *v = (unsigned) bus < BUS_MAX ? &vocabularies[bus] : &vocabularies[BUS_USB];
        for (size_t i = 0; i < v->n; i++) {
                const struct class_row *row = &v->rows[i];
                if (row->triple.class == t.class && (!(row->fields & SUB) || row->triple.subclass == t.subclass) &&
                    (!(row->fields & PRO) || row->triple.protocol == t.protocol))
                        return row->classes;
        }
        return CLASS_BIT(CLASS_VENDOR);
}

uint32_t device_classes(const struct device_facts *d) {
        uint32_t classes = 0;
        for (size_t i = 0; i < d->n_interfaces && i < DEVICE_INTERFACES_MAX; i++)
                classes |= interface_classes(d->bus, d->interfaces[i]);
        return classes;
}
