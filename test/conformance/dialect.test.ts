import { dialectSuite } from './dialect.suite.js';

dialectSuite();
