import { storeDriverConformance } from './conformance.ts';
import { MemoryDriver } from './memory.ts';

storeDriverConformance('memory', { open: async () => new MemoryDriver(), openBackup: null });
