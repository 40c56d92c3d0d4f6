/** QEMU's options, in words of pef run. */
import { describe, expect, test } from 'vitest'
import { fromQemuOptions } from '../../debug-adapter/cli/qemu-options.ts'

describe("QEMU's options", () => {
  test.each([
    ['-kernel vmlinux -initrd i.img -m 512 -nographic', '--kernel=vmlinux --initrd=i.img --memory=512M --console'],
    ['-m size=1G,slots=2 -M pseries,cap-nested-hv=off -cpu POWER9', '--memory=1G'],
    ['-nodefaults -no-reboot -serial mon:stdio -accel tcg,thread=single image.json', 'image.json'],
    ['--kernel vmlinux --quiet image.json', '--kernel vmlinux --quiet image.json'],
  ])('%s', (given, expected) => expect(fromQemuOptions(given.split(' '))).toEqual(expected.split(' ')))

  test('the command line stays one word', () =>
    expect(fromQemuOptions(['-append', 'a=b svm=on'])).toEqual(['--append=a=b svm=on']))

  test.each([
    ['-kernal vmlinux', 'did you mean -kernel?'],
    ['-M powernv', 'expected pseries'],
    ['-cpu power10', 'expected power9'],
    ['-m', '-m needs a value'],
    ['-vga std', 'expected none'],
  ])('%s is refused: %s', (given, message) => expect(() => fromQemuOptions(given.split(' '))).toThrow(message))
})
