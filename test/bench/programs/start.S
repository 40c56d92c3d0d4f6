# Entry of a program of the benchmark: a stack of its own, the TOC, then start() in output.c.
# With SYSTEM defined it is a kernel for `qemu-system-ppc64 -M pseries -kernel`, which may begin in the other byte order.

        .section .text.entry, "ax"
        .globl _start
_start:
#ifdef SYSTEM
        tdi     0, 0, 0x48              # in big-endian order these bytes branch over the next word
        b       little
        .macro  swapped word
        .long   ((\word & 0xff) << 24) | ((\word & 0xff00) << 8) | ((\word >> 8) & 0xff00) | ((\word >> 24) & 0xff)
        .endm
        swapped 0x429f0005              # bcl 20,31,.+4
        swapped 0x7d4802a6              # mflr r10
        swapped 0x394a001c              # addi r10,r10,28: `little`, counted from this mflr
        swapped 0x7d6000a6              # mfmsr r11
        swapped 0x616b0001              # ori r11,r11,1: MSR[LE]
        swapped 0x7d5a03a6              # mtsrr0 r10
        swapped 0x7d7b03a6              # mtsrr1 r11
        swapped 0x4c000024              # rfid
little:
        mfmsr   11
        lis     10, 0x0280              # VEC, VSX
        ori     10, 10, 0x2000          # FP
        or      11, 11, 10
        mtmsrd  11
        isync
#endif
        lis     2, .TOC.@ha
        addi    2, 2, .TOC.@l
        lis     1, stack_top@ha
        addi    1, 1, stack_top@l
        bl      start
        nop

        .section .bss
        .balign 64
        .space  0x10000
stack_top:
        .space  256

        .section .note.GNU-stack, "", @progbits
